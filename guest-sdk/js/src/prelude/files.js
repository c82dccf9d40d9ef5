// `blobs`: the files of the task.
(host, own) => {
  'use strict';

  // What the host gives at once.
  const PART = 1048576;

  const digestOf = (file) => {
    const digest = typeof file === 'object' && file !== null ? file.digest : file;
    if (typeof digest !== 'string') {
      throw new TypeError(`a file is one of the data, with its \`digest\`, or a digest, and this is ${own.kind(file)}`);
    }
    return digest;
  };

  const sizeOf = (digest) => {
    const size = host.fileSize(digest);
    if (size === undefined) throw new Error(`the task has no file with the digest ${digest}`);
    return size;
  };

  const read = (digest, from, to) => {
    const parts = [];
    while (from < to) {
      const part = new Uint8Array(host.readFile(digest, from, own.Math.min(to - from, PART)));
      if (part.length === 0) break;
      own.Array.push(parts, part);
      from += part.length;
    }
    return parts.length === 1 ? parts[0] : own.join(parts);
  };

  // A place in a file; what is none is the start.
  const place = (value, size) => own.Math.min(own.Math.max(own.Math.trunc(+value) || 0, 0), size);

  own.global('blobs', own.Object.freeze({
    size: (file) => sizeOf(digestOf(file)),
    read(file, offset = 0, length = PART) {
      const digest = digestOf(file);
      const size = sizeOf(digest);
      const from = place(offset, size);
      return read(digest, from, place(from + place(length, size), size));
    },
    get(file) {
      const digest = digestOf(file);
      const named = typeof file === 'object';
      return own.file(read(digest, 0, sizeOf(digest)), {
        name: named && typeof file.name === 'string' ? file.name : digest,
        type: named && typeof file.type === 'string' ? file.type : '',
        lastModified: 0,
      });
    },
  }));
}
