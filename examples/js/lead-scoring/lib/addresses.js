// E-mail addresses.

const FREE = new Set(["gmail.com", "gmx.net", "outlook.com", "yahoo.com"]);

export function domain(address) {
  return address.slice(address.lastIndexOf("@") + 1).toLowerCase();
}

export function isFreeMail(address) {
  return FREE.has(domain(address));
}
