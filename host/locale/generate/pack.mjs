// Packs the locale data: node pack.mjs PACKAGES COLLATION, where PACKAGES has the npm packages
// cldr-* in its node_modules and COLLATION is what `generate/collation` wrote. ../README.md says more.
//
// The archive: the length of the index (four bytes, little endian), the index, the groups; index and groups
// are raw deflate streams. The index has a line `group LENGTH` for each group and a line
// `NAME GROUP START LENGTH` for each piece; equal pieces of a group are there once.
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { resources } from './cldr.mjs';

const [, , packages, collation] = process.argv;
const pieces = new Map();
for (const [name, text] of resources(packages)) pieces.set(name, Buffer.from(text));
for (const file of fs.readdirSync(collation).sort()) pieces.set(`collation/${file}`, fs.readFileSync(path.join(collation, file)));

/** Pieces that are used together, or that are alike, are packed together. */
const groupOf = (name) => {
  const [kind, rest] = name.split('/');
  if (kind === 'collation') {
    // Most languages' rules are small; those of Chinese, Japanese and Korean are not.
    return pieces.get(name).length > 20_000 ? name : 'collation';
  }
  if (rest === undefined) return name;
  const large = kind === 'zones' || kind === 'units' || kind === 'currency-names';
  return large ? `${kind}/${rest.split('-')[0]}` : rest.split('-')[0];
};
const groups = new Map();
for (const name of [...pieces.keys()].sort()) {
  const group = groupOf(name);
  if (!groups.has(group)) groups.set(group, []);
  groups.get(group).push(name);
}
const lines = [];
const packed = [];
for (const [at, names] of [...groups.values()].entries()) {
  const known = new Map();
  const parts = [];
  let length = 0;
  for (const name of names) {
    const bytes = pieces.get(name);
    const key = bytes.toString('latin1');
    if (!known.has(key)) {
      known.set(key, length);
      parts.push(bytes);
      length += bytes.length;
    }
    lines.push(`${name} ${at} ${known.get(key)} ${bytes.length}`);
  }
  packed.push(zlib.deflateRawSync(Buffer.concat(parts), { level: 9 }));
  lines.push(`group ${packed.at(-1).length}`);
}
const index = zlib.deflateRawSync(Buffer.from(lines.join('\n')), { level: 9 });
const head = Buffer.alloc(4);
head.writeUInt32LE(index.length);
const out = Buffer.concat([head, index, ...packed]);
fs.writeFileSync(new URL('../data/locale.bin', import.meta.url), out);
console.log(`${pieces.size} pieces, ${groups.size} groups, ${out.length} bytes`);
