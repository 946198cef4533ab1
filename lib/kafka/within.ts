export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/** What `work` gives, or a NoAnswerError after `timeoutMs`; the work itself goes on unheard. */
export async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const left = Math.max(1, timeoutMs);
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswerError(`no answer within ${Math.round(left)} ms`)), left);
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
