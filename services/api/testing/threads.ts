import { MessageChannel } from 'node:worker_threads';
import { systemClock } from '../../../lib/clock/index.ts';
import { playOn, type PlayPort } from '../backtest-play.ts';
import { BacktestThreads, type BacktestThread } from '../backtest-threads.ts';

/** Plays in this thread, through the same messages: starting hundreds of threads would take most of the time of a test. */
export const threadsHere = (threadsMax = 2): BacktestThreads =>
  new BacktestThreads({ clock: systemClock, start: startHere, threadsMax });

function startHere(): BacktestThread {
  const { port1, port2 } = new MessageChannel();
  playOn(port2 as PlayPort);
  return Object.assign(port1, {
    terminate() {
      port1.close();
      return Promise.resolve();
    },
  }) as BacktestThread;
}
