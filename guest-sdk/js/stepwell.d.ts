/**
 * What a Stepwell step written in JavaScript has at hand, for editors and `tsc`. Put
 * `/// <reference path="stepwell.d.ts" />` at the top of a step, or the file into `files`, with
 * `"lib": ["ES2023", "DOM"]`: `fetch`, `Headers`, `URL`, timers and their like are the web's.
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
  /** A secret or setting of the workspace, or undefined if it is not set. */
  config(key: string): string | undefined;
  /** Ends the task as done after this run, with an optional JSON result. */
  complete(result?: unknown): void;
  /** Ends the task as ignored after this run. */
  ignore(): void;
  /**
   * Lets the task wait after this run: for so many milliseconds, or until a time. Then its steps
   * are looked for again.
   */
  park(until: number | Date | string): void;
  /**
   * If this run fails and is tried again, it is after so many milliseconds, or at that time, and not
   * after the delay of the step's policy: `task.retryAfter(response.retryAfter)`. At most a day.
   * `undefined` is nothing.
   */
  retryAfter(until: number | Date | string | null | undefined): void;
  /**
   * Makes a task of this task, of this name and with these data, and gives its id. Its `$via` is
   * `{type: 'subtask', name, parent, depth}`. When it has ended, its result is put at the JSON
   * pointer `into` of this task's data: what it was completed with, or else its data; `null` if it
   * was ignored; `{error}` if it failed. With `wait` the task rests until then.
   * At most 100 a run, 1000 a task, and 8 generations.
   */
  subtask(name: string, data?: object, options?: { into?: string; wait?: boolean }): string;
  /** Lets this step run on the task again, if its condition still matches. */
  redo(): void;
  /** Fails the run for good: no other attempt is made. So does any error with `final: true`. */
  stop(message: string | Error): never;
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
  headers?: Headers | { [name: string]: string | string[] } | Iterable<[string, string]>;
  /** A plain object is sent as JSON. */
  body?: string | Uint8Array | ArrayBuffer | URLSearchParams | object;
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
  statusText: string;
  /** With lower-case names; `headers.get(name)` finds any case. */
  headers: { [name: string]: string } & { get(name: string): string | null };
  /** Parsed, if the content type is JSON; else text; else, if it is not UTF-8, a Buffer. */
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
  [operation: string]: (argument?: object) => Promise<any>;
}

/** Calls that leave the step. A status that is not 2xx is a response, not an error. */
declare const connectors: {
  fetch(request: { url: string | URL; options?: FetchOptions; bodyOnly?: boolean }): Promise<FetchResponse>;
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

/** Beside `randomUUID`, `getRandomValues`, and `subtle` as far as `digest` and HMAC go. */
interface Crypto {
  createHash(algorithm: DigestName): Digest;
  createHmac(algorithm: DigestName, key: Bytes): Digest;
  randomBytes(size: number): Buffer;
  randomInt(max: number): number;
  randomInt(min: number, max: number): number;
  /** Compares in a time that does not depend on where the two differ. */
  timingSafeEqual(a: Bytes, b: Bytes): boolean;
}

/** Bytes; a part of Node's `Buffer`. */
declare class Buffer extends Uint8Array {
  static from(value: string, encoding?: string): Buffer;
  static from(value: ArrayLike<number> | ArrayBuffer | ArrayBufferView): Buffer;
  static alloc(size: number, fill?: number | string): Buffer;
  static concat(parts: Uint8Array[], length?: number): Buffer;
  static byteLength(value: string | ArrayBufferView, encoding?: string): number;
  static isBuffer(value: unknown): value is Buffer;
  static compare(a: Uint8Array, b: Uint8Array): -1 | 0 | 1;
  /** `utf8`, `hex`, `base64`, `base64url`, `latin1`, `ascii`, `utf16le`. */
  toString(encoding?: string, start?: number, end?: number): string;
  equals(other: Uint8Array): boolean;
  slice(start?: number, end?: number): Buffer;
}
