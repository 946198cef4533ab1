export { storeTimeZone, simulateDay } from './day.ts';
export type { DayOptions, SimulatedDay, SimulatedWebhook } from './day.ts';
export type { Expected } from './expected.ts';
export { simulateLive } from './live.ts';
export type { LiveOptions } from './live.ts';
export type { PersonLine } from './people.ts';
export type { WebhookEvent } from './story.ts';
