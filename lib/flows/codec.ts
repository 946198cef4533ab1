/** Forms of the values in stored states: how a value is written to bytes and read back. */
import type { ByteReader, ByteWriter } from '../bytes/index.ts';

export interface Form<T> {
  write(writer: ByteWriter, value: T): void;
  read(reader: ByteReader): T;
}

export const text: Form<string> = { write: (w, value) => w.text(value), read: (r) => r.text() };
export const unsigned: Form<number> = { write: (w, value) => w.unsigned(value), read: (r) => r.unsigned() };
/** Any whole number, such as an instant, which may be before 1970. */
export const whole: Form<number> = { write: (w, value) => w.zigzag(value), read: (r) => r.zigzag() };
export const double: Form<number> = { write: (w, value) => w.number(value), read: (r) => r.number() };
export const flag: Form<boolean> = { write: (w, value) => w.byte(value ? 1 : 0), read: (r) => r.byte() === 1 };

const HEX = /^[0-9a-f]{32}$/;
const HEX_BYTES = 16;

/** A text that mostly is 32 hex digits, which then take 17 bytes. */
export const id: Form<string> = {
  write(w, value) {
    const isHex = HEX.test(value);
    w.byte(isHex ? 1 : 0);
    if (isHex) w.append(Buffer.from(value, 'hex'));
    else w.text(value);
  },
  read(r) {
    if (r.byte() !== 1) return r.text();
    const start = r.advance(HEX_BYTES, 'an id');
    return r.bytes.toString('hex', start, start + HEX_BYTES);
  },
};

/** One of a list of values. The list may grow at its end, never otherwise. */
export const oneOf = <T extends string>(values: readonly T[]): Form<T> => ({
  write: (w, value) => w.byte(values.indexOf(value)),
  read(r) {
    const value = values[r.byte()];
    return value ?? r.fail(`one of ${values.length} values`, r.at - 1);
  },
});

export const nullable = <T>(form: Form<T>): Form<T | null> => ({
  write(w, value) {
    w.byte(value === null ? 0 : 1);
    if (value !== null) form.write(w, value);
  },
  read: (r) => (r.byte() === 0 ? null : form.read(r)),
});

export const list = <T>(form: Form<T>): Form<T[]> => ({
  write(w, values) {
    w.unsigned(values.length);
    for (const value of values) form.write(w, value);
  },
  read(r) {
    const values: T[] = [];
    for (let left = r.unsigned(); left > 0; left--) values.push(form.read(r));
    return values;
  },
});

/** The members one after the other, in the order in which the forms name them. */
export function record<T extends object>(forms: { [K in keyof T]: Form<T[K]> }): Form<T> {
  const entries = Object.entries(forms) as [keyof T, Form<unknown>][];
  return {
    write(w, value) {
      for (const [name, form] of entries) form.write(w, value[name]);
    },
    read(r) {
      const value: Partial<Record<keyof T, unknown>> = {};
      for (const [name, form] of entries) value[name] = form.read(r);
      return value as T;
    },
  };
}
