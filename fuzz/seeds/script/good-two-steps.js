const shared = 1;
function helper() { return shared; }
export const condition = { a: 1 };
export const content = () => { data.a = helper() / 2 /* / */; };
export const condition = { b: /x[/]y/ };
export const content = () => { data.b = helper(); };
