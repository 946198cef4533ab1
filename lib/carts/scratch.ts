import { ByteReader, ByteWriter } from '../bytes/index.ts';
import { CatalogueBuilder } from './catalogue.ts';
import { CART_STATE } from './format.ts';
import { newCart, type Opening } from './state.ts';

/**
 * What one fold after the other uses, so that it need not be allocated for every event. Every call resets what it uses;
 * nothing in it outlives a call. Belongs to one caller.
 */
export class Scratch implements Opening {
  /** The cart that is folded. */
  readonly cart = newCart();
  /** Of the cart's state. */
  readonly reader = new ByteReader(Buffer.alloc(0), CART_STATE);
  readonly head = new ByteWriter();
  readonly record = new ByteWriter();
  readonly decisions = new ByteWriter();
  readonly catalogue = new CatalogueBuilder();
}
