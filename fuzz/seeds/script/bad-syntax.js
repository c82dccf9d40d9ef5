export const condition = {;
