/** Why an authenticated delivery cannot be used. Reasons are stable: dead letters are counted by them. */
export type UnusableReason =
  | 'not_utf8'
  | 'not_json'
  | 'too_deep'
  | 'not_an_object'
  | 'no_cart'
  | 'no_cart_id'
  | 'no_status'
  | 'no_identifier'
  | 'wrong_type'
  | 'wrong_value'
  | 'too_long'
  | 'bad_characters'
  | 'bad_time'
  | 'bad_zone'
  | 'too_early'
  | 'unknown_field'
  | 'store_not_covered'
  | 'line_too_long'
  | 'internal_error';

/** A rejection. `path` is a JSON Pointer into the body ('' is the whole); `message` says what is wrong and how to correct it. */
export class Unusable {
  readonly reason: UnusableReason;
  readonly path: string;
  readonly message: string;

  constructor(reason: UnusableReason, path: string, what: string) {
    this.reason = reason;
    this.path = path;
    this.message = path === '' ? what : `${path}: ${what}`;
  }
}

/** Escapes one key for a JSON Pointer; keys are input, so a long one is truncated. */
export const pointerStep = (key: string): string =>
  '/' +
  key
    .slice(0, 100)
    .replace(/~/g, '~0')
    .replace(/\//g, '~1')
    .replace(/[\p{Cc}\p{Cs}]/gu, '�');

/** For a delivery that an error of this service keeps from being interpreted: it is stored, and can be replayed after a fix. */
export const INTERNAL_ERROR = new Unusable(
  'internal_error',
  '',
  'An error of this service prevented it from being interpreted. Replay it after the next upgrade.',
);
