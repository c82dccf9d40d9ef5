/**
 * What a Stepwell step written in JavaScript has at hand, for editors and `tsc`. Put
 * `/// <reference path="stepwell.d.ts" />` at the top of a step, or the file into `files`, with
 * `"lib": ["ES2023"]` and `"types": []`. It is complete: `"DOM"` and Node's types declare what a step does
 * not have, and declare some of this again. Of `Intl`, which `lib` declares whole, a step has `NumberFormat`,
 * `DateTimeFormat`, `Collator`, `PluralRules`, `ListFormat` and `RelativeTimeFormat`; the rest throws and says so.
 *
 * A step is a module with two exports: `condition`, a pattern over the task's data, and
 * `content`, the function that runs on it.
 */

/** A pattern over the task's data; see the server's documentation of conditions. */
type Condition = { [key: string]: unknown };

/**
 * The task's data: a plain object. Change it as you like; what you changed is written back when the
 * run ends well. It must stay JSON: no functions, symbols, BigInts or cycles.
 */
declare let data: any;

/** Beyond ES2023. Numbers that a step only moves keep their text in `data` and in `JSON.stringify`. */
interface JSON {
  /** What is written as this JSON text of a string, number, boolean or null. */
  rawJSON(text: string): { readonly rawJSON: string };
  /** Whether a value was made by `rawJSON`. */
  isRawJSON(value: unknown): boolean;
}

/**
 * How long, or until when: milliseconds as a number; a Date; seconds as text, as in the header `Retry-After`;
 * or text that names a time with its zone. Of an array, or of text with commas, the first that is one of these
 * counts. Anything else is an exception.
 */
type Until = number | Date | string;

/** The task that this run is for. Nothing here takes effect unless the run ends well. */
declare const task: {
  /** The task's id, a UUID of version 7. */
  id(): string;
  /** The task's name, if it has one. */
  name(): string | undefined;
  /** Names the task: 1 to 4096 bytes. */
  name(name: string): void;
  /** The task's tags. */
  tags(): string[];
  /** Replaces the task's tags: at most 32. */
  tags(tags: string[]): void;
  /**
   * A secret or setting of the workspace, or undefined if it is not set. A call that has the text `undefined`
   * in its place is not sent, and its error names the key.
   */
  config(key: string): string | undefined;
  /** The same, or the second value if it is not set. */
  config<T>(key: string, otherwise: T): string | T;
  /** Ends the task as done after this run, with an optional JSON result. */
  complete(result?: unknown): void;
  /** Ends the task as ignored after this run. */
  ignore(): void;
  /** Lets the task wait after this run. Then its steps are looked for again. Ten years at most. */
  park(until: Until | readonly Until[]): void;
  /**
   * If this run fails and is tried again, it is then, and not after the delay of the step's policy:
   * `task.retryAfter(response.retryAfter)`. At most a day. `undefined` and `null` are nothing.
   */
  retryAfter(until: Until | readonly Until[] | null | undefined): void;
  /**
   * Gives the task so much time from the end of this run on, ten years at most. If it has not ended by then,
   * it ends in `error`. A run that is under way then is let come to its end. The last call of any run counts.
   */
  timeout(until: Until | readonly Until[]): void;
  /** Lets the task end as done, and not in `error`, when the time of `timeout` is over. */
  completeOnExpire(): void;
  /**
   * Keeps something to be drawn with this run: a line of its log, of the level `visual`. An exception if the
   * log has no room for it. Kept of a failed run, too.
   */
  visualize(visual: { type: string; name?: string; data?: unknown; options?: unknown; [key: string]: unknown }): void;
  /**
   * Replies to the sender of the request that made the task, at once, while the run goes on: if its webhook lets
   * senders wait. An object as the body is sent as JSON. The first reply of a task counts, also if the run fails: gives
   * whether this is the one. Headers of the connection, cookies, CORS and security policies cannot be set.
   */
  respond(reply: {
    /** 200 if it is left out; 301, 302, 303, 307 and 308 need the header `location`. */
    status?: number;
    headers?: Headers | Record<string, string> | Iterable<readonly [string, string]>;
    /** At most 64 KiB. */
    body?: string | object | ArrayBuffer | ArrayBufferView | URLSearchParams | null;
  }): boolean;
  /**
   * Makes a task of this task, of this name and with these data, and gives its id. Its `$via` is
   * `{type: 'subtask', name, parent, depth}`. When it has ended, its result is put at the place
   * `into` of this task's data, a JSON pointer or a path with dots: what it was completed with, or else its
   * data; `null` if it was ignored; `{error}` if it failed. With `wait`, or `waitFor`, the task rests until then.
   * At most 100 a run, 1000 a task, and 8 generations.
   */
  subtask(name: string, data?: object, options?: { into?: string; wait?: boolean; waitFor?: boolean }): string;
  /** Lets this step run on the task again, if its condition still matches. */
  redo(): void;
  /** Fails the run for good: no other attempt is made. So does any error with `final: true`. */
  stop(message: string | Error): never;
};

/** A file of the task as its data has it, or its digest. */
type TaskFile = string | { readonly digest: string; readonly name?: string; readonly type?: string };

/**
 * The files that came with the task's request. A file never changes, and is there as long as the task. A subtask has the
 * files of the tasks above it, too.
 */
declare const blobs: {
  /** All of a file, in memory. For a large one see `read`. */
  get(file: TaskFile): File;
  /** A part of a file: at most `length` bytes (1 MiB, if nothing is said) from `offset` on, fewer only at its end. */
  read(file: TaskFile, offset?: number, length?: number): Uint8Array;
  /** The size of a file in bytes. */
  size(file: TaskFile): number;
};

/** This step. */
declare const step: {
  /** The same as `task.redo`. */
  redo(): void;
  /** The same as `task.stop`. */
  stop(message: string | Error): never;
};

/** Lines for the record: what was done on whose behalf. */
declare const audit: {
  /** Writes a line, formatted as by `console.log`. */
  log(...values: unknown[]): void;
  /** Writes a reference as JSON, e.g. `{id, name, role, url}`. */
  reference(reference: object): void;
};

interface FetchOptions {
  /** `GET` if not given. */
  method?: string;
  headers?: Headers | { [name: string]: string | string[] | undefined } | Iterable<readonly [string, string]>;
  /** A plain object is sent as JSON, a form as multipart/form-data. */
  body?: string | Uint8Array | ArrayBuffer | Blob | FormData | URLSearchParams | object;
  /** The longest the call may take, in milliseconds. */
  timeout?: number;
  /** What to do with a redirect; `follow` if not given. */
  redirect?: 'follow' | 'manual' | 'error';
  /** Leaves a JSON body as text. */
  text?: boolean;
  signal?: AbortSignal;
}

interface FetchResponse {
  /** Whether the status is 200 to 299. */
  ok: boolean;
  status: number;
  /** The phrase that the server wrote. */
  statusText: string;
  /** The URL that the response came from. */
  url: string;
  /** Whether redirects have led there. */
  redirected: boolean;
  /** With lower-case names; `headers.get(name)` finds any case. */
  headers: { [name: string]: string } & { get(name: string): string | null; getSetCookie(): string[] };
  /** Parsed, if the content type is JSON; else text; else, if it is no text, a Buffer. */
  body: any;
  /** What the service's `Retry-After` asks for, in milliseconds from now. */
  retryAfter: number | undefined;
  json(): Promise<any>;
  text(): Promise<string>;
}

/**
 * Why a call brought nothing. `code` of a fetch: `invalid`, `denied`, `connection`, `timeout`,
 * `too-large`, `redirected`, `too-many`; of a named connector: `unknown`, `invalid`, `refused`,
 * `failed`.
 */
interface CallError extends Error {
  name: 'FetchError' | 'ConnectorError';
  code: string;
}

interface Connector {
  /** With `into` the result is put into the data as soon as it is there. */
  [operation: string]: (argument?: object & { into?: string }) => Promise<any>;
}

/** Calls that leave the step. A status that is not 2xx is a response, not an error. */
declare const connectors: {
  /**
   * With `bodyOnly` the body alone. With `into`, a JSON pointer or a path with dots, the result is put into the
   * data as soon as it is there, whether the call is awaited or not.
   */
  fetch(request: { url: string | URL; options?: FetchOptions; bodyOnly: true; into?: string }): Promise<any>;
  fetch(request: { url: string | URL; options?: FetchOptions; bodyOnly?: false; into?: string }): Promise<FetchResponse>;
  fetch(url: string | URL, options?: FetchOptions): Promise<FetchResponse>;
  utils: {
    /** Waits, ten years at most. A long wait outlives the server, as `setTimeout`'s does. */
    sleep(argument: { milliseconds: number }): Promise<void>;
  };
} & { [connector: string]: Connector };

/** The step's own libraries: `lib.text.slug()` is `slug` of `lib/text.js`; folders nest. */
declare const lib: any;

/** CommonJS, JSON and ES modules of the step; `buffer`, `crypto`, `url` and `util`. */
declare function require(name: string): any;

type Bytes = string | Uint8Array | ArrayBuffer;
type DigestName = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'sha512';

interface Digest {
  update(data: Bytes, encoding?: string): Digest;
  digest(): Buffer;
  digest(encoding: 'hex' | 'base64' | 'base64url' | 'latin1'): string;
}

interface CryptoKey {
  readonly type: 'secret';
  readonly algorithm: { name: 'HMAC'; hash: { name: string } };
  readonly extractable: boolean;
  readonly usages: string[];
}

/** Web Crypto as far as `digest` and HMAC go. */
interface SubtleCrypto {
  digest(algorithm: string | { name: string }, data: BufferSource): Promise<ArrayBuffer>;
  importKey(
    format: 'raw',
    data: BufferSource,
    algorithm: { name: 'HMAC'; hash: string | { name: string } },
    extractable: boolean,
    usages: string[],
  ): Promise<CryptoKey>;
  sign(algorithm: string | { name: string }, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  verify(
    algorithm: string | { name: string },
    key: CryptoKey,
    signature: BufferSource,
    data: BufferSource,
  ): Promise<boolean>;
  exportKey(format: 'raw', key: CryptoKey): Promise<ArrayBuffer>;
}

/** The web's `crypto` and Node's in one. */
interface Crypto {
  createHash(algorithm: DigestName): Digest;
  createHmac(algorithm: DigestName, key: Bytes | CryptoKey): Digest;
  getHashes(): DigestName[];
  randomBytes(size: number): Buffer;
  randomInt(max: number): number;
  randomInt(min: number, max: number): number;
  randomUUID(): string;
  getRandomValues<T extends ArrayBufferView>(view: T): T;
  /** Compares in a time that does not depend on where the two differ. */
  timingSafeEqual(a: Bytes, b: Bytes): boolean;
  readonly subtle: SubtleCrypto;
  readonly webcrypto: Crypto;
}
declare const crypto: Crypto;

type BufferSource = ArrayBufferView | ArrayBuffer;

/** Bytes; a part of Node's `Buffer`. */
interface Buffer extends Uint8Array<ArrayBuffer> {
  /** `utf8`, `hex`, `base64`, `base64url`, `latin1`, `ascii`, `utf16le`. */
  toString(encoding?: string, start?: number, end?: number): string;
  toJSON(): { type: 'Buffer'; data: number[] };
  equals(other: Uint8Array): boolean;
  compare(other: Uint8Array): -1 | 0 | 1;
  /** A part that shares its bytes with the whole. */
  slice(start?: number, end?: number): Buffer;
  subarray(start?: number, end?: number): Buffer;
  fill(value: number | string, start?: number, end?: number, encoding?: string): this;
  /** Bytes written. */
  write(text: string, offset?: number): number;
  /** Bytes copied. */
  copy(target: Uint8Array, targetStart?: number, start?: number, end?: number): number;
  indexOf(value: number | string | Uint8Array, from?: number, encoding?: string): number;
  includes(value: number | string | Uint8Array, from?: number, encoding?: string): boolean;
  readUInt8(offset?: number): number;
  writeUInt8(value: number, offset?: number): number;
  readInt8(offset?: number): number;
  writeInt8(value: number, offset?: number): number;
  readUInt16LE(offset?: number): number;
  writeUInt16LE(value: number, offset?: number): number;
  readUInt16BE(offset?: number): number;
  writeUInt16BE(value: number, offset?: number): number;
  readInt16LE(offset?: number): number;
  writeInt16LE(value: number, offset?: number): number;
  readInt16BE(offset?: number): number;
  writeInt16BE(value: number, offset?: number): number;
  readUInt32LE(offset?: number): number;
  writeUInt32LE(value: number, offset?: number): number;
  readUInt32BE(offset?: number): number;
  writeUInt32BE(value: number, offset?: number): number;
  readInt32LE(offset?: number): number;
  writeInt32LE(value: number, offset?: number): number;
  readInt32BE(offset?: number): number;
  writeInt32BE(value: number, offset?: number): number;
  readFloatLE(offset?: number): number;
  writeFloatLE(value: number, offset?: number): number;
  readFloatBE(offset?: number): number;
  writeFloatBE(value: number, offset?: number): number;
  readDoubleLE(offset?: number): number;
  writeDoubleLE(value: number, offset?: number): number;
  readDoubleBE(offset?: number): number;
  writeDoubleBE(value: number, offset?: number): number;
  readBigInt64LE(offset?: number): bigint;
  writeBigInt64LE(value: bigint, offset?: number): number;
  readBigInt64BE(offset?: number): bigint;
  writeBigInt64BE(value: bigint, offset?: number): number;
  readBigUInt64LE(offset?: number): bigint;
  writeBigUInt64LE(value: bigint, offset?: number): number;
  readBigUInt64BE(offset?: number): bigint;
  writeBigUInt64BE(value: bigint, offset?: number): number;
}

interface BufferConstructor {
  readonly prototype: Buffer;
  from(value: string, encoding?: string): Buffer;
  from(value: ArrayBuffer, offset?: number, length?: number): Buffer;
  from(value: ArrayLike<number> | ArrayBufferView | { type: 'Buffer'; data: number[] }): Buffer;
  of(...bytes: number[]): Buffer;
  alloc(size: number, fill?: number | string, encoding?: string): Buffer;
  allocUnsafe(size: number): Buffer;
  concat(parts: readonly Uint8Array[], length?: number): Buffer;
  byteLength(value: string | ArrayBufferView | ArrayBuffer, encoding?: string): number;
  isBuffer(value: unknown): value is Buffer;
  isEncoding(encoding: string): boolean;
  compare(a: Uint8Array, b: Uint8Array): -1 | 0 | 1;
}
declare const Buffer: BufferConstructor;

/** Writes lines of the run's log, formatted as in Node: `%s`, `%d`, `%o` and the like. */
declare const console: {
  log(...values: unknown[]): void;
  info(...values: unknown[]): void;
  debug(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
  trace(...values: unknown[]): void;
  dir(value: unknown, options?: object): void;
  table(value: unknown): void;
  assert(truth: unknown, ...values: unknown[]): void;
  count(label?: string): void;
  countReset(label?: string): void;
  group(...values: unknown[]): void;
  groupCollapsed(...values: unknown[]): void;
  groupEnd(): void;
  time(label?: string): void;
  timeLog(label?: string): void;
  timeEnd(label?: string): void;
};

/** Pauses cost no fuel, and count as time. A timer that is left when `content` has settled does not fire. */
declare function setTimeout(callback: (...values: any[]) => void, milliseconds?: number, ...values: unknown[]): number;
declare function setInterval(callback: (...values: any[]) => void, milliseconds?: number, ...values: unknown[]): number;
declare function setImmediate(callback: (...values: any[]) => void, ...values: unknown[]): number;
declare function clearTimeout(timer?: number): void;
declare function clearInterval(timer?: number): void;
declare function clearImmediate(timer?: number): void;
declare function queueMicrotask(callback: () => void): void;
/** The run's clock: it stands still but for calls and pauses. */
declare const performance: { now(): number; readonly timeOrigin: number };

declare function structuredClone<T>(value: T): T;
declare function atob(text: string): string;
declare function btoa(text: string): string;

declare class TextEncoder {
  readonly encoding: 'utf-8';
  encode(text?: string): Uint8Array;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}

/** All encodings of the Encoding standard. */
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  /** With `stream`, a character whose bytes are not all there yet comes with the next part. */
  decode(bytes?: BufferSource, options?: { stream?: boolean }): string;
}

declare class URLSearchParams {
  constructor(init?: string | { [name: string]: unknown } | Iterable<readonly [string, unknown]>);
  readonly size: number;
  append(name: string, value: unknown): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: unknown): void;
  sort(): void;
  forEach(callback: (value: string, name: string, params: URLSearchParams) => void, self?: unknown): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
  toString(): string;
}

declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static canParse(url: string | URL, base?: string | URL): boolean;
  static parse(url: string | URL, base?: string | URL): URL | null;
  href: string;
  readonly origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  hash: string;
  readonly searchParams: URLSearchParams;
  toString(): string;
  toJSON(): string;
}

declare class Event {
  constructor(type: string, init?: { bubbles?: boolean; cancelable?: boolean });
  readonly type: string;
  readonly target: EventTarget | null;
  readonly currentTarget: EventTarget | null;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly defaultPrevented: boolean;
  readonly timeStamp: number;
  preventDefault(): void;
  stopPropagation(): void;
  stopImmediatePropagation(): void;
}

type EventListener = ((event: Event) => void) | { handleEvent(event: Event): void };

/** What a listener throws is a line in the log, and the next one is called. */
declare class EventTarget {
  addEventListener(
    type: string,
    listener: EventListener | null,
    options?: boolean | { capture?: boolean; once?: boolean; signal?: AbortSignal },
  ): void;
  removeEventListener(type: string, listener: EventListener | null, options?: boolean | { capture?: boolean }): void;
  dispatchEvent(event: Event): boolean;
}

declare class AbortSignal extends EventTarget {
  private constructor();
  static abort(reason?: unknown): AbortSignal;
  static timeout(milliseconds: number): AbortSignal;
  static any(signals: Iterable<AbortSignal>): AbortSignal;
  readonly aborted: boolean;
  readonly reason: any;
  onabort: ((event: Event) => void) | null;
  throwIfAborted(): void;
}

declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

/** A stream to read from; there is none to write to. */
declare class ReadableStream<T = any> {
  constructor(
    source?: {
      type?: 'bytes';
      start?(controller: ReadableStreamDefaultController<T>): unknown;
      pull?(controller: ReadableStreamDefaultController<T>): unknown;
      cancel?(reason: unknown): unknown;
    },
    strategy?: { highWaterMark?: number; size?(chunk: T): number },
  );
  static from<T>(iterable: Iterable<T | PromiseLike<T>> | AsyncIterable<T>): ReadableStream<T>;
  readonly locked: boolean;
  cancel(reason?: unknown): Promise<void>;
  getReader(): ReadableStreamDefaultReader<T>;
  tee(): [ReadableStream<T>, ReadableStream<T>];
  values(options?: { preventCancel?: boolean }): AsyncIterableIterator<T>;
  [Symbol.asyncIterator](options?: { preventCancel?: boolean }): AsyncIterableIterator<T>;
}

declare class ReadableStreamDefaultController<T = any> {
  private constructor();
  readonly desiredSize: number | null;
  enqueue(chunk: T): void;
  close(): void;
  error(reason?: unknown): void;
}

declare class ReadableStreamDefaultReader<T = any> {
  constructor(stream: ReadableStream<T>);
  readonly closed: Promise<void>;
  read(): Promise<{ value: T; done: false } | { value: undefined; done: true }>;
  cancel(reason?: unknown): Promise<void>;
  releaseLock(): void;
}

type BlobPart = string | BufferSource | Blob;

declare class Blob {
  constructor(parts?: Iterable<BlobPart>, options?: { type?: string; endings?: 'transparent' | 'native' });
  readonly size: number;
  readonly type: string;
  slice(start?: number, end?: number, type?: string): Blob;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
  bytes(): Promise<Uint8Array>;
  stream(): ReadableStream<Uint8Array>;
}

declare class File extends Blob {
  constructor(
    parts: Iterable<BlobPart>,
    name: string,
    options?: { type?: string; endings?: 'transparent' | 'native'; lastModified?: number },
  );
  readonly name: string;
  readonly lastModified: number;
}

/** Sent as `multipart/form-data`. A run that is repeated sends the same bytes. */
declare class FormData {
  append(name: string, value: unknown): void;
  append(name: string, value: Blob, filename: string): void;
  delete(name: string): void;
  get(name: string): string | File | null;
  getAll(name: string): (string | File)[];
  has(name: string): boolean;
  set(name: string, value: unknown): void;
  set(name: string, value: Blob, filename: string): void;
  forEach(callback: (value: string | File, name: string, form: FormData) => void, self?: unknown): void;
  entries(): IterableIterator<[string, string | File]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string | File>;
  [Symbol.iterator](): IterableIterator<[string, string | File]>;
}

declare class DOMException extends Error {
  constructor(message?: string, name?: string);
  readonly code: number;
}

type HeadersInit = Headers | { [name: string]: string } | Iterable<readonly [string, string]>;

declare class Headers {
  constructor(init?: HeadersInit);
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  getSetCookie(): string[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  forEach(callback: (value: string, name: string, headers: Headers) => void, self?: unknown): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

/** A plain object is JSON. */
type BodyInit = Bytes | Blob | FormData | URLSearchParams | ReadableStream<Uint8Array> | object;

/** A body: read once, by one of these or by its stream. */
interface WithBody {
  readonly body: ReadableStream<Uint8Array> | null;
  readonly bodyUsed: boolean;
  text(): Promise<string>;
  json(): Promise<any>;
  bytes(): Promise<Uint8Array>;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
  /** Of `multipart/form-data` or `application/x-www-form-urlencoded`. */
  formData(): Promise<FormData>;
}

interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
  redirect?: 'follow' | 'manual' | 'error';
  signal?: AbortSignal | null;
  /** Needed where the body is a stream. */
  duplex?: 'half';
}

interface Request extends WithBody {}
declare class Request {
  constructor(input: string | URL | Request, init?: RequestInit);
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly redirect: 'follow' | 'manual' | 'error';
  readonly signal: AbortSignal;
  readonly duplex: 'half';
  clone(): Request;
}

interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}

interface Response extends WithBody {}
declare class Response {
  constructor(body?: BodyInit | null, init?: ResponseInit);
  static json(value: unknown, init?: ResponseInit): Response;
  static error(): Response;
  static redirect(url: string | URL, status?: 301 | 302 | 303 | 307 | 308): Response;
  readonly ok: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly type: 'default' | 'basic' | 'error';
  /** The URL that it came from, after all redirects. */
  readonly url: string;
  readonly redirected: boolean;
  /** What the service's `Retry-After` asks for, in milliseconds from now. */
  readonly retryAfter: number | undefined;
  clone(): Response;
}

/** The web's `fetch`, over the same calls as `connectors.fetch`. */
declare function fetch(url: string | URL | Request, options?: Omit<FetchOptions, 'text'>): Promise<Response>;

// For the modules below, in which these names are their own.
type UrlConstructor = typeof URL;
type BlobConstructor = typeof Blob;
type FileConstructor = typeof File;
type UrlSearchParamsConstructor = typeof URLSearchParams;
type InstanceOf<T extends { prototype: unknown }> = T['prototype'];

/** Node's `util`, as far as it is there. */
interface Util {
  format(...values: unknown[]): string;
  inspect(value: unknown, options?: object): string;
  promisify(callbackLast: (...values: any[]) => void): (...values: any[]) => Promise<any>;
  isDeepStrictEqual(a: unknown, b: unknown): boolean;
  TextEncoder: typeof TextEncoder;
  TextDecoder: typeof TextDecoder;
}

declare module 'node:crypto' {
  const all: Crypto;
  export default all;
  export const createHash: Crypto['createHash'];
  export const createHmac: Crypto['createHmac'];
  export const getHashes: Crypto['getHashes'];
  export const randomBytes: Crypto['randomBytes'];
  export const randomInt: Crypto['randomInt'];
  export const randomUUID: Crypto['randomUUID'];
  export const getRandomValues: Crypto['getRandomValues'];
  export const timingSafeEqual: Crypto['timingSafeEqual'];
  export const subtle: Crypto['subtle'];
  export const webcrypto: Crypto['webcrypto'];
}
declare module 'node:util' {
  const all: Util;
  export default all;
  export const format: Util['format'];
  export const inspect: Util['inspect'];
  export const promisify: Util['promisify'];
  export const isDeepStrictEqual: Util['isDeepStrictEqual'];
  export const TextEncoder: Util['TextEncoder'];
  export const TextDecoder: Util['TextDecoder'];
}
declare module 'node:querystring' {
  type Query = { [name: string]: string | string[] };
  interface QueryString {
    parse(text: string, separator?: string, equals?: string, options?: { maxKeys?: number; decodeURIComponent?: (text: string) => string }): Query;
    stringify(object: object, separator?: string, equals?: string, options?: { encodeURIComponent?: (text: string) => string }): string;
    escape(text: string): string;
    unescape(text: string): string;
  }
  const all: QueryString;
  export default all;
  export const parse: QueryString['parse'];
  export const stringify: QueryString['stringify'];
  export const escape: QueryString['escape'];
  export const unescape: QueryString['unescape'];
}
declare module 'node:buffer' {
  const all: { Buffer: BufferConstructor; Blob: BlobConstructor; File: FileConstructor };
  export default all;
  export const Blob: BlobConstructor;
  export type Blob = InstanceOf<BlobConstructor>;
  export const File: FileConstructor;
  export type File = InstanceOf<FileConstructor>;
  export const Buffer: BufferConstructor;
  export type Buffer = InstanceOf<BufferConstructor>;
}
declare module 'node:url' {
  export function domainToASCII(domain: string): string;
  export function domainToUnicode(domain: string): string;
  const all: {
    URL: UrlConstructor; URLSearchParams: UrlSearchParamsConstructor;
    domainToASCII(domain: string): string; domainToUnicode(domain: string): string;
  };
  export default all;
  export const URL: UrlConstructor;
  export type URL = InstanceOf<UrlConstructor>;
  export const URLSearchParams: UrlSearchParamsConstructor;
  export type URLSearchParams = InstanceOf<UrlSearchParamsConstructor>;
}
declare module 'crypto' {
  export * from 'node:crypto';
  export { default } from 'node:crypto';
}
declare module 'util' {
  export * from 'node:util';
  export { default } from 'node:util';
}
declare module 'buffer' {
  export * from 'node:buffer';
  export { default } from 'node:buffer';
}
declare module 'url' {
  export * from 'node:url';
  export { default } from 'node:url';
}
