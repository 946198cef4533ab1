import { expect, it } from 'vitest';
import { ManualClock } from '../../lib/clock/testing.ts';
import { LastLook } from './last-look.ts';
import type { Message } from './state.ts';

const message = (id: string): Message => ({ request: { request_id: id } }) as Message;

/** `answer` gives the end of send-requests to whoever has asked last. */
function world() {
  const clock = new ManualClock();
  const called: string[] = [];
  let asked = 0;
  let answer: (end: number) => void = () => undefined;
  const now = { isConfirmed: true };
  const lastLook = new LastLook({
    clock,
    end: () => {
      asked++;
      return new Promise((resolve) => (answer = resolve));
    },
    call: (messages) => {
      if (!now.isConfirmed) return [...messages];
      called.push(...messages.map(({ request }) => request.request_id));
      return [];
    },
    wake: () => undefined,
    fail: (error) => {
      throw error;
    },
  });
  const ends = async (end: number): Promise<void> => {
    answer(end);
    await clock.advance(0);
  };
  return { clock, called, lastLook, ends, now, asked: () => asked };
}

it('calls once send-requests is read to where it ended when the intent was durable', async () => {
  const { lastLook, called, ends, asked } = world();
  lastLook.pump(10);
  expect(asked()).toBe(0);
  lastLook.add([message('a')]);
  lastLook.pump(10);
  // Its intent became durable after the question.
  lastLook.add([message('b')]);
  lastLook.pump(10);
  await ends(12);
  lastLook.pump(11);
  expect(called).toEqual([]);
  lastLook.pump(12);
  expect([called, asked()]).toEqual([['a'], 2]);
  await ends(12);
  lastLook.pump(12);
  expect(called).toEqual(['a', 'b']);
});

it('asks again when too much time has passed', async () => {
  const { clock, lastLook, called, ends, asked } = world();
  lastLook.add([message('a')]);
  lastLook.pump(0);
  await clock.advance(2_001);
  await ends(0);
  lastLook.pump(0);
  expect([called, asked()]).toEqual([[], 2]);
  await ends(0);
  lastLook.pump(0);
  expect(called).toEqual(['a']);
});

it('looks again from time to time while the group has not confirmed the process', async () => {
  const { clock, lastLook, called, ends, now, asked } = world();
  now.isConfirmed = false;
  lastLook.add([message('a')]);
  lastLook.pump(0);
  await ends(0);
  lastLook.pump(0);
  lastLook.pump(0);
  expect([asked(), lastLook.pauseMs]).toEqual([1, 100]);
  await clock.advance(100);
  now.isConfirmed = true;
  lastLook.pump(0);
  await ends(0);
  lastLook.pump(0);
  expect([called, asked(), lastLook.pauseMs]).toEqual([['a'], 2, Infinity]);
});
