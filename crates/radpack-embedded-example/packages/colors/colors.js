export const red = '#c1121f';
export const blue = '#003049';
