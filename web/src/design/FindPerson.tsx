import { Button, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { useSession } from '../app/session.ts';
import { bodyOf, type ApiClient, type Person } from '../data/api.ts';
import { ErrorState, Notice } from './states.tsx';

interface FindPersonProps {
  /** The verb of the button. */
  action: string;
  /** The person on display; null for none. */
  personId: string | null;
  /** The id of the person who was found; null when nobody was. */
  onPerson(personId: string | null): void;
}

/** Finds a person by email address if the text has an @, else by phone number. */
async function findPeople(api: ApiClient, text: string, signal: AbortSignal): Promise<Person[]> {
  const query = text.includes('@') ? { email: text } : { phone: text };
  const page = await bodyOf(api.GET('/v1/people', { params: { query: { ...query, limit: 10 } }, signal }));
  return page.items;
}

/** A form that finds one person, for pages that say something about one. */
export function FindPerson({ action, personId, onPerson }: FindPersonProps) {
  const { api } = useSession();
  const [text, setText] = useState('');
  const [searching, setSearching] = useState(false);
  const [outcome, setOutcome] = useState<{ nobody: string } | { error: unknown } | null>(null);
  const running = useRef<AbortController | null>(null);
  // What a search finds late must not replace a person who was chosen meanwhile, nor bring back a page that was left.
  useEffect(() => () => running.current?.abort(), [personId]);

  const search = (event: FormEvent): void => {
    event.preventDefault();
    const wanted = text.trim();
    if (wanted === '') return;
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    setSearching(true);
    setOutcome(null);
    findPeople(api, wanted, abort.signal)
      .then(([first]) => {
        if (abort.signal.aborted) return;
        onPerson(first?.person_id ?? null);
        if (!first) setOutcome({ nobody: wanted });
      })
      .catch((error: unknown) => !abort.signal.aborted && setOutcome({ error }))
      .finally(() => running.current === abort && setSearching(false));
  };
  return (
    <>
      <form className="find-person" onSubmit={search}>
        <TextInput
          size="sm"
          aria-label="Phone number or email address of a person"
          placeholder="Phone or email"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
          leftSection={<IconSearch size={15} aria-hidden />}
        />
        <Button type="submit" variant="default" loading={searching} disabled={text.trim() === ''}>
          {action}
        </Button>
      </form>
      {outcome && 'nobody' in outcome && (
        <Notice title="Nobody has this phone number or address">
          “{outcome.nobody}” was not seen on any cart or record of this workspace.
        </Notice>
      )}
      {outcome && 'error' in outcome && <ErrorState what="Cannot search" error={outcome.error} />}
    </>
  );
}
