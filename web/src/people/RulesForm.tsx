import { Button, CloseButton, NumberInput, Select, TextInput } from '@mantine/core';
import { useState, type FormEvent, type ReactNode } from 'react';
import { useRefusal } from '../app/roles.ts';
import { phoneText } from '../design/format.ts';
import { RoleButton } from '../design/RoleButton.tsx';
import { counted } from '../design/words.ts';
import type { LinkReportItem } from './data.ts';
import {
  changedBy,
  identifierKey,
  kindWords,
  LIMIT_MAX,
  without,
  withRuling,
  type LinkIdentifier,
  type RulesDraft,
} from './link-rules.ts';

interface RulesFormProps {
  draft: RulesDraft;
  /** The report as far as it is loaded. */
  items: readonly LinkReportItem[];
  isChanged: boolean;
  busy: boolean;
  onChange(draft: RulesDraft): void;
  onReset(): void;
  onSave(): void;
  /** What went wrong. */
  children: ReactNode;
}

/** The rules: a limit for all identifiers, and exceptions by name. */
export function RulesForm({ draft, items, isChanged, busy, onChange, onReset, onSave, children }: RulesFormProps) {
  const refusal = useRefusal('write');
  return (
    <section className="panel rules" aria-labelledby="rules">
      <h2 id="rules">Link rules</h2>
      <p className="fine">
        An identifier joins all people that it was seen with, unless it was seen with more values of one other kind than
        the limit. The rules also hold for the past: a change merges and splits people, and can be undone.
      </p>
      {refusal !== null && <p className="fine">{refusal}</p>}
      <NumberInput
        label="Limit"
        description="Values of one other kind, from 1 to 100"
        className="rules-limit"
        value={draft.limit}
        min={1}
        max={LIMIT_MAX}
        clampBehavior="strict"
        allowDecimal={false}
        disabled={refusal !== null}
        onChange={(value) => typeof value === 'number' && value >= 1 && onChange({ ...draft, limit: value })}
      />
      <div className="rules-lists">
        <IdentifierList
          title="Always join"
          list={draft.allow}
          locked={refusal !== null}
          onRemove={(one) => onChange({ ...draft, allow: without(draft.allow, one) })}
        />
        <IdentifierList
          title="Never join"
          list={draft.deny}
          locked={refusal !== null}
          onRemove={(one) => onChange({ ...draft, deny: without(draft.deny, one) })}
        />
      </div>
      {refusal === null && <AddIdentifier onAdd={(one, ruling) => onChange(withRuling(draft, one, ruling))} />}
      {children}
      {isChanged && <Effect draft={draft} items={items} />}
      {(isChanged || busy) && (
        <div className="rules-actions">
          <Button variant="default" onClick={onReset} disabled={busy}>
            Discard changes
          </Button>
          <RoleButton needs="write" onClick={onSave} loading={busy}>
            Save rules
          </RoleButton>
        </div>
      )}
    </section>
  );
}

/** What saving would do, as far as the report tells. */
function Effect({ draft, items }: { draft: RulesDraft; items: readonly LinkReportItem[] }) {
  const { joins, parts } = changedBy(draft, items);
  const words = [
    joins > 0 && `${counted(joins, 'identifier', 'identifiers')} would join people again`,
    parts > 0 && `${counted(parts, 'identifier', 'identifiers')} would no longer join people`,
  ].filter((text) => text !== false);
  return (
    <p className="fine" role="status">
      {words.length === 0
        ? 'No identifier of the report would change.'
        : `Saving has this effect: ${words.join(', and ')}.`}
    </p>
  );
}

interface IdentifierListProps {
  title: string;
  list: readonly LinkIdentifier[];
  locked: boolean;
  onRemove(one: LinkIdentifier): void;
}

const shown = ({ kind, value }: LinkIdentifier): string => (kind === 'phone' ? phoneText(value) : value);

function IdentifierList({ title, list, locked, onRemove }: IdentifierListProps) {
  return (
    <div>
      <h3 className="field-label">{title}</h3>
      {list.length === 0 ? (
        <p className="fine">None by name.</p>
      ) : (
        <ul className="rules-list">
          {list.map((one) => (
            <li key={identifierKey(one)}>
              <span className="identifier-kind">
                {kindWords(one.kind)}
                {one.source ? ` of ${one.source}` : ''}
              </span>
              <span className="identifier-value">{shown(one)}</span>
              {!locked && <CloseButton size="sm" aria-label={`Remove ${shown(one)}`} onClick={() => onRemove(one)} />}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

const KINDS = (['phone', 'email', 'user_id', 'external'] as const).map((value) => ({ value, label: kindWords(value) }));

function AddIdentifier({ onAdd }: { onAdd(one: LinkIdentifier, ruling: 'allow' | 'deny'): void }) {
  const [kind, setKind] = useState<LinkIdentifier['kind']>('phone');
  const [value, setValue] = useState('');
  const [source, setSource] = useState('');
  const add = (ruling: 'allow' | 'deny') => (): void => {
    const text = value.trim();
    if (text === '') return;
    onAdd({ kind, value: text, ...(kind === 'external' ? { source: source.trim() } : {}) }, ruling);
    setValue('');
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    add('deny')();
  };
  return (
    <form className="rules-add" onSubmit={submit}>
      <Select
        size="xs"
        label="Kind"
        data={KINDS}
        value={kind}
        onChange={(next) => next !== null && setKind(next as LinkIdentifier['kind'])}
        allowDeselect={false}
      />
      <TextInput
        size="xs"
        label="Identifier"
        value={value}
        onChange={(event) => setValue(event.currentTarget.value)}
        autoComplete="off"
        maxLength={1_000}
      />
      {kind === 'external' && (
        <TextInput
          size="xs"
          label="Source"
          placeholder="none"
          value={source}
          onChange={(event) => setSource(event.currentTarget.value)}
          maxLength={1_000}
        />
      )}
      <Button size="xs" variant="default" onClick={add('allow')} disabled={value.trim() === ''}>
        Always join
      </Button>
      <Button size="xs" variant="default" type="submit" disabled={value.trim() === ''}>
        Never join
      </Button>
    </form>
  );
}
