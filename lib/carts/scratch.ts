import { ByteWriter } from '../bytes/index.ts';
import { CatalogueBuilder } from './catalogue.ts';

/**
 * Buffers that one fold after the other uses, so that none has to be allocated for an event. Every call resets what it
 * uses; nothing in them outlives a call. Belongs to one caller.
 */
export class Scratch {
  readonly head = new ByteWriter();
  readonly record = new ByteWriter();
  readonly marks = new ByteWriter();
  readonly catalogue = new CatalogueBuilder();
}
