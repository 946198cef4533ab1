export { after } from './after.ts';
export { Backoff, type BackoffOptions } from './backoff.ts';
export { systemClock, type Clock } from './clock.ts';
export { Deadlines } from './deadlines.ts';
export { Waker } from './waker.ts';
export { abortAfter, NoAnswerError, within } from './within.ts';
