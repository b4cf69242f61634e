export const svg = (shape) => `<svg xmlns="http://www.w3.org/2000/svg">${shape}</svg>`;
