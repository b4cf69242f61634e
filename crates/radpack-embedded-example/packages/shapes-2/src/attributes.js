export const attributes = (values) => Object.entries(values).map(([name, value]) => `${name}="${value}"`).join(' ');
