/**
 * The globals that this package uses, as they are when it is loaded. A program's tests put fakes in their place, a
 * job may put in what it likes, and neither changes what runs here: no other file reads these names later.
 *
 * Their own properties (`Promise.all`, `process.on`) and the methods of prototypes are looked up later, as they are at that
 * moment.
 */

export const AbortController: typeof globalThis.AbortController = globalThis.AbortController;
export const AggregateError: typeof globalThis.AggregateError = globalThis.AggregateError;
export const Array: typeof globalThis.Array = globalThis.Array;
export const ArrayBuffer: typeof globalThis.ArrayBuffer = globalThis.ArrayBuffer;
export const Atomics: typeof globalThis.Atomics = globalThis.Atomics;
export const Boolean: typeof globalThis.Boolean = globalThis.Boolean;
export const Buffer: typeof globalThis.Buffer = globalThis.Buffer;
export const DataView: typeof globalThis.DataView = globalThis.DataView;
export const DOMException: typeof globalThis.DOMException = globalThis.DOMException;
export const Error: typeof globalThis.Error = globalThis.Error;
export const FinalizationRegistry: typeof globalThis.FinalizationRegistry = globalThis.FinalizationRegistry;
export const Float32Array: typeof globalThis.Float32Array = globalThis.Float32Array;
export const Function: typeof globalThis.Function = globalThis.Function;
export const Int32Array: typeof globalThis.Int32Array = globalThis.Int32Array;
export const JSON: typeof globalThis.JSON = globalThis.JSON;
export const Map: typeof globalThis.Map = globalThis.Map;
export const Math: typeof globalThis.Math = globalThis.Math;
export const Number: typeof globalThis.Number = globalThis.Number;
export const Object: typeof globalThis.Object = globalThis.Object;
export const Promise: typeof globalThis.Promise = globalThis.Promise;
export const Proxy: typeof globalThis.Proxy = globalThis.Proxy;
export const RangeError: typeof globalThis.RangeError = globalThis.RangeError;
export const ReferenceError: typeof globalThis.ReferenceError = globalThis.ReferenceError;
export const Reflect: typeof globalThis.Reflect = globalThis.Reflect;
export const RegExp: typeof globalThis.RegExp = globalThis.RegExp;
export const Set: typeof globalThis.Set = globalThis.Set;
export const SharedArrayBuffer: typeof globalThis.SharedArrayBuffer = globalThis.SharedArrayBuffer;
export const String: typeof globalThis.String = globalThis.String;
export const Symbol: typeof globalThis.Symbol = globalThis.Symbol;
export const SyntaxError: typeof globalThis.SyntaxError = globalThis.SyntaxError;
export const TypeError: typeof globalThis.TypeError = globalThis.TypeError;
export const URL: typeof globalThis.URL = globalThis.URL;
export const Uint32Array: typeof globalThis.Uint32Array = globalThis.Uint32Array;
export const Uint8Array: typeof globalThis.Uint8Array = globalThis.Uint8Array;
export const WeakMap: typeof globalThis.WeakMap = globalThis.WeakMap;
export const WeakRef: typeof globalThis.WeakRef = globalThis.WeakRef;
export const WeakSet: typeof globalThis.WeakSet = globalThis.WeakSet;
export const process: typeof globalThis.process = globalThis.process;
export const queueMicrotask: typeof globalThis.queueMicrotask = globalThis.queueMicrotask;
export const structuredClone: typeof globalThis.structuredClone = globalThis.structuredClone;
