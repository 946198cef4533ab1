import { ByteReader, ByteWriter } from '../bytes/index.ts';
import { CatalogueBuilder } from './catalogue.ts';
import { CART_STATE } from './format.ts';
import { newCart, type Opening } from './state.ts';

/**
 * Buffers and objects that are reused by one fold after the other, so that they are not allocated for every event. Every
 * call resets what it uses; no content outlives a call. A Scratch belongs to one caller.
 */
export class Scratch implements Opening {
  /** The cart that is folded. */
  readonly cart = newCart();
  /** Reads the cart's state. */
  readonly reader = new ByteReader(Buffer.alloc(0), CART_STATE);
  readonly head = new ByteWriter();
  readonly record = new ByteWriter();
  readonly decisions = new ByteWriter();
  readonly catalogue = new CatalogueBuilder();
}
