export const condition = {};
export const content = () => {};
enum E { A = 1 }
