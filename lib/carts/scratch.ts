import { ByteWriter } from '../bytes/index.ts';
import { CatalogueBuilder } from './catalogue.ts';
import { newCart } from './state.ts';

/**
 * What one fold after the other uses, so that it need not be allocated for every event. Every call resets what it uses;
 * nothing in it outlives a call. Belongs to one caller.
 */
export class Scratch {
  /** The cart that is folded. */
  readonly cart = newCart();
  readonly head = new ByteWriter();
  readonly record = new ByteWriter();
  readonly marks = new ByteWriter();
  readonly catalogue = new CatalogueBuilder();
}
