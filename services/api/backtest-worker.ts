/** A thread of a back-test: started by main.ts, and ended by backtest-threads.ts when it has played or its client is gone. */
import { parentPort } from 'node:worker_threads';
import { playOn } from './backtest-play.ts';

if (parentPort !== null) playOn(parentPort);
