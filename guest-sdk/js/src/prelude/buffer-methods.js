// What a `Buffer` does: text, search, copies. Its arguments and errors are Node's.
(host, own) => {
  'use strict';
  const { Buffer, MOST, coded, wrongType, outOfRange, whole, encodingOf, encoded, isBytes, offset, compare } = own.nodeBuffer;
  const { subarray, set } = own.TypedArray;
  const bytesArgument = (value, name) => {
    if (!isBytes(value)) throw wrongType(name, 'an instance of Buffer or Uint8Array', value);
    return value;
  };
  const outside = () => coded(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', 'Attempt to access memory outside buffer bounds');

  // Writes as many whole characters as fit; how many bytes that took.
  const write = (target, text, at, length, encoding) => {
    const room = own.Math.min(length, target.length - at);
    const bytes = new Uint8Array(
      encoding === 'utf8' ? host.encodeInto(text, room)[1] : host.encode(text, encoding));
    let count = own.Math.min(bytes.length, room);
    if (encoding === 'utf16le') count -= count % 2;
    set(target, count < bytes.length ? subarray(bytes, 0, count) : bytes, at);
    return count;
  };

  // Where `wanted` begins in `list`, in steps of `unit` bytes.
  const search = (list, wanted, from, unit, forward) => {
    const last = list.length - wanted.length;
    if (wanted.length === 0) return forward ? own.Math.min(from, list.length) : own.Math.min(from, list.length);
    for (let i = forward ? from : own.Math.min(from, last); forward ? i <= last : i >= 0; i += forward ? 1 : -1) {
      if (unit === 2 && i % 2 !== 0) continue;
      let k = 0;
      while (k < wanted.length && list[i + k] === wanted[k]) k++;
      if (k === wanted.length) return i;
    }
    return -1;
  };
  const find = (list, value, from, encoding, forward) => {
    if (typeof from === 'string') {
      encoding = from;
      from = undefined;
    }
    let at = from > 0x7fffffff ? 0x7fffffff : from < -0x80000000 ? -0x80000000 : +from;
    if (at !== at) at = forward ? 0 : list.length;
    at = own.Math.trunc(at);
    if (at < 0) {
      at += list.length;
      if (at < 0) {
        if (!forward) return -1;
        at = 0;
      }
    }
    if (typeof value === 'number') {
      const byte = new Uint8Array([value]);
      return search(list, byte, at, 1, forward);
    }
    let unit = 1;
    let wanted = value;
    if (typeof value === 'string') {
      const name = encodingOf(encoding);
      unit = name === 'utf16le' ? 2 : 1;
      wanted = new Uint8Array(host.encode(value, name));
    } else if (isBytes(value)) {
      if (encoding !== undefined && encodingOf(encoding) === 'utf16le') unit = 2;
    } else {
      throw wrongType('value', 'one of type number or string or an instance of Buffer or Uint8Array', value);
    }
    if (forward && at > list.length) return wanted.length === 0 ? list.length : -1;
    if (unit === 2 && wanted.length < 2 && wanted.length > 0) return -1;
    return search(list, wanted, at, unit, forward);
  };
  const swap = (list, size) => {
    if (list.length % size !== 0) {
      throw coded(RangeError, 'ERR_INVALID_BUFFER_SIZE', `Buffer size must be a multiple of ${size * 8}-bits`);
    }
    for (let i = 0; i < list.length; i += size) own.TypedArray.reverse(subarray(list, i, i + size));
    return list;
  };

  const methods = {
    toString(encoding, start, end) {
      if (arguments.length === 0) return host.decode(this, 'utf8');
      if (encoding === null) throw coded(TypeError, 'ERR_UNKNOWN_ENCODING', 'Unknown encoding: null');
      const length = this.length;
      const from = offset(start, 0);
      const to = end === undefined ? length : offset(end, 0);
      if (from >= length || to <= 0) return '';
      const low = from < 0 ? 0 : from;
      const high = to > length ? length : to;
      return high <= low ? '' : host.decode(subarray(own.bytes(this), low, high), encodingOf(encoding));
    },
    toJSON() {
      const data = [];
      for (let i = 0; i < this.length; i++) own.Array.push(data, this[i]);
      return { type: 'Buffer', data };
    },
    equals(other) {
      bytesArgument(other, 'otherBuffer');
      return this === other || compare(this, other) === 0;
    },
    compare(target, targetStart, targetEnd, sourceStart, sourceEnd) {
      bytesArgument(target, 'target');
      if (arguments.length === 1) return compare(this, target);
      const bound = (value, name, otherwise, most) =>
        value === undefined ? otherwise : whole(value, name, 0, most);
      const from = bound(targetStart, 'targetStart', 0, Number.MAX_SAFE_INTEGER);
      const to = bound(targetEnd, 'targetEnd', target.length, target.length);
      const ownFrom = bound(sourceStart, 'sourceStart', 0, Number.MAX_SAFE_INTEGER);
      const ownTo = bound(sourceEnd, 'sourceEnd', this.length, this.length);
      if (ownFrom >= ownTo) return from >= to ? 0 : -1;
      if (from >= to) return 1;
      return compare(subarray(own.bytes(this), ownFrom, ownTo), subarray(own.bytes(target), from, to));
    },
    // As in Node, a part of a Buffer shares its bytes.
    slice(start, end) {
      return this.subarray(start, end);
    },
    fill(value, start, end, encoding) {
      if (typeof start === 'string') {
        encoding = start;
        start = undefined;
      } else if (typeof end === 'string') {
        encoding = end;
        end = undefined;
      }
      if (encoding !== undefined && typeof encoding !== 'string') throw wrongType('encoding', 'of type string', encoding);
      const from = start === undefined ? 0 : whole(start, 'offset', 0, MOST);
      const to = end === undefined ? this.length : whole(end, 'end', 0, this.length);
      if (from >= to) return this;
      let part = value;
      if (typeof value === 'string') part = new Uint8Array(encoded(value, encoding));
      else if (typeof value === 'boolean' || typeof value === 'number' || !own.isView(value)) {
        own.TypedArray.fill(this, typeof value === 'object' ? 0 : +value, from, to);
        return this;
      } else part = own.bytes(value);
      if (part.length === 0) {
        if (typeof value === 'string' && value.length === 0) {
          own.TypedArray.fill(this, 0, from, to);
          return this;
        }
        throw coded(TypeError, 'ERR_INVALID_ARG_VALUE', `The argument 'value' is invalid. Received ${own.inspect(value)}`);
      }
      for (let i = from; i < to; i++) this[i] = part[(i - from) % part.length];
      return this;
    },
    write(text, at, length, encoding) {
      if (typeof text !== 'string') throw wrongType('argument', 'of type string', text);
      if (at === undefined) return write(this, text, 0, this.length, 'utf8');
      if (typeof at === 'string') return write(this, text, 0, this.length, encodingOf(at));
      const from = whole(at, 'offset', 0, this.length);
      if (length === undefined) return write(this, text, from, this.length - from, encodingOf(encoding));
      if (typeof length === 'string') return write(this, text, from, this.length - from, encodingOf(length));
      return write(this, text, from, whole(length, 'length', 0, this.length), encodingOf(encoding));
    },
    copy(target, targetStart, sourceStart, sourceEnd) {
      if (!own.isView(target)) throw wrongType('target', 'an instance of Buffer or Uint8Array', target);
      const bound = (value, name, otherwise) => {
        const number = offset(value, otherwise);
        if (number < 0) throw outOfRange(name, '>= 0', number);
        return number;
      };
      const at = bound(targetStart, 'targetStart', 0);
      const from = bound(sourceStart, 'sourceStart', 0);
      if (from > this.length) throw outOfRange('sourceStart', `>= 0 && <= ${this.length}`, from);
      const to = bound(sourceEnd, 'sourceEnd', this.length);
      const into = own.bytes(target);
      if (at >= into.length || from >= to) return 0;
      const count = own.Math.min(to - from, into.length - at, this.length - from);
      set(into, subarray(own.bytes(this), from, from + count), at);
      return count;
    },
    indexOf(value, from, encoding) {
      return find(this, value, from, encoding, true);
    },
    lastIndexOf: function lastIndexOf(value, from, encoding) {
      return find(this, value, from, encoding, false);
    },
    includes(value, from, encoding) {
      return find(this, value, from, encoding, true) !== -1;
    },
    swap16() {
      return swap(this, 2);
    },
    swap32() {
      return swap(this, 4);
    },
    swap64() {
      return swap(this, 8);
    },
  };
  const names = own.Object.keys(methods);
  for (let i = 0; i < names.length; i++) own.hide(Buffer.prototype, names[i], methods[names[i]]);
  own.hide(Buffer.prototype, 'toLocaleString', methods.toString);
  const getters = { parent: 'buffer', offset: 'byteOffset' };
  for (const name of ['parent', 'offset']) {
    own.Reflect.defineProperty(Buffer.prototype, name, {
      __proto__: null,
      enumerable: true,
      get() {
        return own.isA(Buffer, this) ? this[getters[name]] : undefined;
      },
    });
  }

  // Numbers in a Buffer, of whole bytes.
  const place = (list, at, size) => {
    const last = list.length - size;
    if (typeof at !== 'number') throw wrongType('offset', 'of type number', at);
    if (own.Math.floor(at) !== at) throw outOfRange('offset', 'an integer', at);
    if (last < 0) throw outside();
    if (at < 0 || at > last) throw outOfRange('offset', `>= 0 and <= ${last}`, at);
  };
  const within = (value, least, most, size) => {
    if (value <= most && value >= least) return;
    if (value !== value) return;
    const big = typeof least === 'bigint' ? 'n' : '';
    const bits = size * 8;
    const range = size > 4
      ? least === 0 || least === 0n ? `>= 0${big} and < 2${big} ** ${bits}${big}` : `>= -(2${big} ** ${bits - 1}${big}) and < 2${big} ** ${bits - 1}${big}`
      : `>= ${least} and <= ${most}`;
    throw outOfRange('value', range, value);
  };
  const over = (buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const fixed = [
    ['UInt8', 'Uint8', 1, 0, 0xff], ['Int8', 'Int8', 1, -0x80, 0x7f], ['UInt16', 'Uint16', 2, 0, 0xffff],
    ['Int16', 'Int16', 2, -0x8000, 0x7fff], ['UInt32', 'Uint32', 4, 0, 0xffffffff],
    ['Int32', 'Int32', 4, -0x80000000, 0x7fffffff], ['Float', 'Float32', 4], ['Double', 'Float64', 8],
    ['BigInt64', 'BigInt64', 8, -(2n ** 63n), 2n ** 63n - 1n], ['BigUInt64', 'BigUint64', 8, 0n, 2n ** 64n - 1n],
  ];
  const put = (name, method) => {
    own.hide(Buffer.prototype, name, method);
    if (own.String.includes(name, 'UInt')) own.hide(Buffer.prototype, own.String.replace(name, 'UInt', 'Uint'), method);
  };
  for (const [name, view, size, least, most] of fixed) {
    for (const end of size === 1 ? [''] : ['LE', 'BE']) {
      const little = end === 'LE';
      put(`read${name}${end}`, function (at = 0) {
        place(this, at, size);
        return over(this)[`get${view}`](at, little);
      });
      put(`write${name}${end}`, function (value, at = 0) {
        if (typeof least === 'bigint') {
          if (typeof value !== 'bigint') throw wrongType('value', 'of type bigint', value);
          within(value, least, most, size);
        } else {
          value = +value;
          if (least !== undefined) within(value, least, most, size);
        }
        place(this, at, size);
        over(this)[`set${view}`](at, value, little);
        return at + size;
      });
    }
  }
  // Of one to six bytes.
  const sized = (size) => {
    if (typeof size !== 'number') throw wrongType('byteLength', 'of type number', size);
    if (own.Math.floor(size) !== size) throw outOfRange('byteLength', 'an integer', size);
    if (size < 1 || size > 6) throw outOfRange('byteLength', '>= 1 and <= 6', size);
  };
  for (const signed of [false, true]) {
    for (const end of ['LE', 'BE']) {
      const little = end === 'LE';
      put(`read${signed ? 'Int' : 'UInt'}${end}`, function (at, size) {
        if (at === undefined) throw wrongType('offset', 'of type number', at);
        sized(size);
        place(this, at, size);
        let value = 0;
        for (let i = 0; i < size; i++) value = value * 256 + this[at + (little ? size - 1 - i : i)];
        return signed && value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value;
      });
      put(`write${signed ? 'Int' : 'UInt'}${end}`, function (given, at, size) {
        sized(size);
        let value = +given;
        const most = signed ? 2 ** (8 * size - 1) - 1 : 2 ** (8 * size) - 1;
        within(value, signed ? -most - 1 : 0, most, size);
        if (at === undefined) throw wrongType('offset', 'of type number', at);
        place(this, at, size);
        value = own.Math.trunc(value) || 0;
        if (value < 0) value += 2 ** (8 * size);
        for (let i = 0; i < size; i++) {
          this[at + (little ? i : size - 1 - i)] = value % 256;
          value = own.Math.floor(value / 256);
        }
        return at + size;
      });
    }
  }

  // Node's module `buffer`.
  const valid = (input) => {
    if (own.isView(input) || own.isA(ArrayBuffer, input)) return own.bytes(input);
    throw wrongType('input', 'an instance of ArrayBuffer, Buffer, or TypedArray', input);
  };
  own.bufferModule = () => ({
    Buffer,
    SlowBuffer: (size) => Buffer.allocUnsafeSlow(size),
    isUtf8: (input) => host.utf8(valid(input)) !== undefined,
    isAscii(input) {
      const bytes = valid(input);
      for (let i = 0; i < bytes.length; i++) if (bytes[i] > 127) return false;
      return true;
    },
    atob: globalThis.atob,
    btoa: globalThis.btoa,
    Blob: globalThis.Blob,
    File: globalThis.File,
    INSPECT_MAX_BYTES: 50,
    kMaxLength: MOST,
    kStringMaxLength: 2 ** 29 - 24,
    constants: { MAX_LENGTH: MOST, MAX_STRING_LENGTH: 2 ** 29 - 24 },
  });
}
