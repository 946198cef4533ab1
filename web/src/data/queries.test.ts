import { setImmediate } from 'node:timers/promises';
import { focusManager, keepPreviousData, QueryClient, QueryObserver } from '@tanstack/react-query';
import { describe, expect, it } from 'vitest';
import { forgetAnswers, lastAnswerOn, WHILE_EDITED } from './queries.ts';

const never = (): Promise<never> => new Promise(() => undefined);
const keyOf = (question: object, person: string) => ['acme', 'explanation-of', question, person];

describe('the last answer as placeholder', () => {
  const [first, second] = [{ everyone: true }, { not: { everyone: true } }];

  async function asked(person: string, question: object, placeholder: (person: string) => typeof keepPreviousData) {
    const observer = new QueryObserver<string>(new QueryClient(), {
      queryKey: keyOf(first, '7'),
      queryFn: () => Promise.resolve('about person 7'),
    });
    observer.subscribe(() => undefined);
    await observer.refetch();
    const queryKey = keyOf(question, person);
    observer.setOptions({ queryKey, queryFn: never, placeholderData: placeholder(person) as never });
    const { data, isPlaceholderData } = observer.getCurrentResult();
    observer.destroy();
    return { data, isPlaceholderData };
  }

  it('stays while another question about the same person is asked', async () =>
    expect(await asked('7', second, lastAnswerOn)).toEqual({ data: 'about person 7', isPlaceholderData: true }));

  it('is not shown for another person', async () =>
    expect(await asked('8', first, lastAnswerOn)).toEqual({ data: undefined, isPlaceholderData: false }));

  it('does not take the workspace for a person', async () =>
    expect(await asked('acme', first, lastAnswerOn)).toMatchObject({ data: undefined }));

  it('would be shown for another person if it were kept without a condition', async () =>
    expect(await asked('8', first, () => keepPreviousData)).toMatchObject({ data: 'about person 7' }));
});

describe('answers of a workspace', () => {
  it('are forgotten, but those on display are asked for again, and other workspaces keep theirs', async () => {
    const queries = new QueryClient();
    queries.setQueryData(['acme', 'members', 'aud_1'], ['Ann']);
    queries.setQueryData(['globex', 'members', 'aud_1'], ['Bob']);
    const answers = ['Ann', 'nobody'];
    const observer = new QueryObserver(queries, {
      queryKey: ['acme', 'person', '7'],
      queryFn: () => Promise.resolve(answers.shift()),
    });
    observer.subscribe(() => undefined);
    await observer.refetch({ cancelRefetch: false });
    forgetAnswers(queries, 'acme');
    await observer.refetch({ cancelRefetch: false });
    expect(observer.getCurrentResult().data).toBe('nobody');
    expect(queries.getQueryData(['acme', 'members', 'aud_1'])).toBeUndefined();
    expect(queries.getQueryData(['globex', 'members', 'aud_1'])).toEqual(['Bob']);
    observer.destroy();
  });
});

it.each([
  ['in general', {}, 1],
  ['but not what is edited', WHILE_EDITED, 0],
])('answers are asked for again when the page is looked at again, %s', async (_, options, times) => {
  const client = new QueryClient();
  client.mount();
  let asked = 0;
  const queryFn = (): Promise<number> => Promise.resolve(++asked);
  const observer = new QueryObserver(client, { queryKey: ['acme', 'x'], queryFn, ...options });
  observer.subscribe(() => undefined);
  await observer.refetch();
  const before = asked;
  focusManager.setFocused(false);
  focusManager.setFocused(true);
  await setImmediate();
  expect(asked - before).toBe(times);
  observer.destroy();
  client.unmount();
  focusManager.setFocused(undefined);
});
