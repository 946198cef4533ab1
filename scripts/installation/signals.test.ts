import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { onStopSignals } from './signals.ts';

describe('signals', () => {
  it('are one wish when they come together, and a second one when they come later', () => {
    const source = new EventEmitter();
    const done: string[] = [];
    let nowMs = 0;
    onStopSignals(source, {
      stop: () => done.push('stop'),
      atOnce: () => done.push('at once'),
      now: () => nowMs,
    });
    source.emit('SIGINT');
    source.emit('SIGINT');
    nowMs = 1_900;
    source.emit('SIGTERM');
    expect(done).toEqual(['stop']);
    nowMs = 2_000;
    source.emit('SIGINT');
    expect(done).toEqual(['stop', 'at once']);
  });
});
