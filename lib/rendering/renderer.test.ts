import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../clock/index.ts';
import { context } from '../templates/testing.ts';
import { createRenderer, TemplateError, type Renderer } from './index.ts';
import { bundleWorker } from './testing.ts';

let workerUrl: URL;
let renderer: Renderer;

beforeAll(async () => {
  workerUrl = await bundleWorker();
  renderer = createRenderer({ workerUrl, clock: systemClock });
});
afterAll(() => renderer.close());

const sms = (text: string) => ({ template: { channel: 'sms' as const, text }, context: context() });

describe('rendering in a thread', () => {
  it('renders, and reports what is wrong with a template', async () => {
    expect(await renderer.render(sms('Hi {{ person.first_name }}'))).toEqual({ channel: 'sms', text: 'Hi Jane' });
    await expect(renderer.render(sms('{{ person.name | nope }}'))).rejects.toThrow(TemplateError);
    expect(await renderer.render(sms('still works'))).toEqual({ channel: 'sms', text: 'still works' });
  });

  it('fails a template that allocates too much, and renders the next one', async () => {
    const endless = '{% for a in (1..100000) %}{% for b in (1..100000) %}{{ a }}{% endfor %}{% endfor %}';
    const [bad, good] = await Promise.allSettled([renderer.render(sms(endless)), renderer.render(sms('next'))]);
    expect([bad.status, good.status]).toEqual(['rejected', 'fulfilled']);
  });

  it('kills a thread that does not answer, and continues with another one', async () => {
    // One call of a filter that Liquid cannot interrupt.
    const slow = `{{ "${'a'.repeat(60_000)}" | split: "" | uniq | join: "" }}{% assign x = "${'ab'.repeat(20_000)}" | split: "" %}{{ x | sort | uniq | size }}`;
    const strict = createRenderer({ workerUrl, clock: systemClock, timeoutMs: 1 });
    await expect(strict.render(sms(slow))).rejects.toThrow('not rendered within 1 ms');
    await strict.close();
    const patient = createRenderer({ workerUrl, clock: systemClock });
    await expect(patient.render(sms('{{ workspace.name }}'))).resolves.toMatchObject({ text: 'Green Leaf' });
    await patient.close();
  });
});
