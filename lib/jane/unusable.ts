/** Why something that was authenticated cannot be used. `reason` is stable and is what dead letters are counted by. */
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

/** A refusal: `path` is a JSON Pointer into the body ('' is the whole), `message` names the place and the remedy. */
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

/** Escapes one key for a JSON Pointer; keys come from outside, so a long one is cut. */
export const pointerStep = (key: string): string =>
  '/' +
  key
    .slice(0, 100)
    .replace(/~/g, '~0')
    .replace(/\//g, '~1')
    .replace(/[\p{Cc}\p{Cs}]/gu, '�');

/** For whatever an error of ours prevents from being interpreted: it is kept, and can be replayed once that is fixed. */
export const INTERNAL_ERROR = new Unusable(
  'internal_error',
  '',
  'An error of this service prevented it from being interpreted. Replay it after the next upgrade.',
);
