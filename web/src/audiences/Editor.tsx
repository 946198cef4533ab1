import { ActionIcon, Checkbox, SegmentedControl, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { IconArrowBackUp, IconArrowForwardUp, IconChevronLeft } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useCallback, useEffect, useRef, useState } from 'react';
import { getDispatchQueryById } from 'react-querybuilder';
import { useQueryBuilderHistory } from 'react-querybuilder/history';
import type { Audience } from '../../../lib/audiences/tree.ts';
import type { SavedAudience } from '../data/api.ts';
import { RoleButton } from '../design/RoleButton.tsx';
import { ErrorState, Notice } from '../design/states.tsx';
import './audiences.css';
import { Builder, BUILDER_ID } from './builder/Builder.tsx';
import { isConflict, type Draft } from './data.ts';
import { CountPanel, SamplePanel, TrendPanel } from './Insight.tsx';
import { queryOf } from './model/query.ts';
import { inWords, renderText } from './model/text.ts';
import { SpotCheck } from './SpotCheck.tsx';
import { TextForm } from './TextForm.tsx';
import { useEditing } from './useEditing.ts';
import { useUnsaved } from './useUnsaved.ts';

interface EditorProps {
  start: Draft;
  /** Names the page. */
  heading: string;
  back: { to: string; title: string };
  /** A version that was saved by somebody else meanwhile. */
  newerVersion?: number | null;
  /** Saves; `force` replaces a newer version. */
  save(draft: Draft, force: boolean): Promise<SavedAudience>;
  onSaved(saved: SavedAudience): void;
  /** Called with the text form while editing, so that the address can hold the draft. */
  onText?(text: string): void;
}

const TEXT_MS = 500;

/** An audience being edited, with what it means beside it. */
export function Editor({ start, heading, back, newerVersion = null, save, onSaved, onText }: EditorProps) {
  const [name, setName] = useState(start.name);
  const [includeAnonymous, setIncludeAnonymous] = useState(start.include_anonymous);
  const [view, setView] = useState<'builder' | 'text'>('builder');
  const [personId, setPersonId] = useState<string | null>(null);
  const editing = useEditing(start.audience, includeAnonymous);
  const { query, setQuery, complete, refusals, question, preview } = editing;
  const history = useQueryBuilderHistory(BUILDER_ID, { maxHistory: 200, coalesceMs: 700 });
  const unsaved = name !== start.name || includeAnonymous !== start.include_anonymous || editing.changed;
  const allowLeaving = useUnsaved(unsaved);
  const saving = useSaving({ save, onSaved, onLeaving: allowLeaving });
  useUndoKeys(history);
  useTitle(heading);

  const text = complete === null ? null : renderText(complete);
  const [settledText] = useDebouncedValue(text, TEXT_MS);
  const told = useRef(settledText);
  const tell = useRef(onText);
  tell.current = onText;
  useEffect(() => {
    if (settledText === null || settledText === told.current) return;
    told.current = settledText;
    tell.current?.(settledText);
  }, [settledText]);

  const replace = useCallback((audience: Audience) => getDispatchQueryById(BUILDER_ID)?.(queryOf(audience)), []);
  const submit = (force: boolean): void => {
    const audience = editing.current();
    if (audience === null) return;
    saving.run({ ...start, name: name.trim(), include_anonymous: includeAnonymous, audience }, force);
  };
  return (
    <div className="editor">
      <h1 className="visually-hidden">{heading}</h1>
      <div className="editor-head">
        <Link className="page-back" to={back.to}>
          <IconChevronLeft size={14} aria-hidden />
          {back.title}
        </Link>
        <Textarea
          className="editor-name"
          variant="unstyled"
          autosize
          minRows={1}
          aria-label="Name of the audience"
          placeholder="Name this audience"
          value={name}
          maxLength={200}
          // A long name is wrapped; it remains one line of text.
          onChange={(event) => setName(event.currentTarget.value.replaceAll(/[\r\n]+/g, ' '))}
          error={saving.missingName && name.trim() === '' ? 'Give it a name to save it.' : undefined}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            event.preventDefault();
            submit(false);
          }}
          autoComplete="off"
          data-testid="name"
        />
        <div className="page-actions">
          <ActionIcon.Group>
            <UndoButton label="Undo" keys="Ctrl+Z" disabled={!history.canUndo} onClick={history.undo} />
            <UndoButton label="Redo" keys="Ctrl+Shift+Z" disabled={!history.canRedo} onClick={history.redo} />
          </ActionIcon.Group>
          <RoleButton needs="write" loading={saving.busy} disabled={editing.incomplete} onClick={() => submit(false)}>
            Save
          </RoleButton>
        </div>
      </div>
      {saving.error !== null && <SaveFailed error={saving.error} onOverwrite={() => submit(true)} />}
      {newerVersion !== null && saving.error === null && (
        <Notice title={`Version ${newerVersion} was saved meanwhile`}>
          Saving will ask before it replaces that version. Reload the page to begin from it.
        </Notice>
      )}
      <p className="sentence" data-testid="sentence">
        {complete === null || editing.incomplete
          ? 'Complete the marked conditions to see who matches.'
          : inWords(complete)}
      </p>
      <div className="editor-columns">
        <section className="panel editor-main" aria-label="Conditions">
          <div className="editor-views">
            <SegmentedControl
              size="xs"
              aria-label="How to edit"
              value={view}
              onChange={(value) => setView(value as typeof view)}
              data={[
                { value: 'builder', label: 'Builder' },
                { value: 'text', label: 'Text' },
              ]}
            />
            <Checkbox
              size="xs"
              label="Include anonymous people"
              checked={includeAnonymous}
              onChange={(event) => setIncludeAnonymous(event.currentTarget.checked)}
            />
          </div>
          <div hidden={view !== 'builder'}>
            <Builder query={query} refusals={refusals} onChange={setQuery} />
          </div>
          {view === 'text' && <TextForm audience={complete} onChange={replace} />}
        </section>
        <aside className="editor-side" aria-label="Who matches">
          {preview.error && !preview.data && refusals.size === 0 ? (
            <ErrorState
              what="Cannot count this audience"
              error={preview.error}
              onRetry={() => void preview.refetch()}
            />
          ) : (
            <CountPanel preview={preview.data} stale={editing.behind} unknown={question === null} />
          )}
          <TrendPanel question={question} />
          <SamplePanel preview={preview.data} stale={editing.behind || question === null} onCheck={setPersonId} />
          <SpotCheck question={question} personId={personId} onPerson={setPersonId} />
        </aside>
      </div>
    </div>
  );
}

function useTitle(heading: string): void {
  useEffect(() => {
    document.title = `${heading} · Jane Traits`;
  }, [heading]);
}

interface UndoButtonProps {
  label: 'Undo' | 'Redo';
  keys: string;
  disabled: boolean;
  onClick(): void;
}

function UndoButton({ label, keys, disabled, onClick }: UndoButtonProps) {
  const Icon = label === 'Undo' ? IconArrowBackUp : IconArrowForwardUp;
  return (
    <ActionIcon
      variant="default"
      size={36}
      aria-label={label}
      aria-keyshortcuts={keys.replace('Ctrl', 'Control')}
      title={`${label} (${keys})`}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon size={17} />
    </ActionIcon>
  );
}

function SaveFailed({ error, onOverwrite }: { error: unknown; onOverwrite(): void }) {
  if (!isConflict(error)) return <ErrorState what="Cannot save this audience" error={error} />;
  return (
    <Notice
      tone="error"
      title="Somebody saved another version meanwhile"
      action={{ label: 'Save mine as the next version', onClick: onOverwrite }}
    >
      Nothing is lost either way: every version is kept, and can be compared on the audience’s page.
    </Notice>
  );
}

interface Saving {
  busy: boolean;
  error: unknown;
  missingName: boolean;
  run(draft: Draft, force: boolean): void;
}

function useSaving({
  save,
  onSaved,
  onLeaving,
}: Pick<EditorProps, 'save' | 'onSaved'> & { onLeaving(): void }): Saving {
  const [state, setState] = useState({ busy: false, error: null as unknown, missingName: false });
  const run = (draft: Draft, force: boolean): void => {
    if (draft.name === '') {
      setState({ busy: false, error: null, missingName: true });
      document.querySelector<HTMLElement>('[data-testid=name]')?.focus();
      return;
    }
    setState({ busy: true, error: null, missingName: false });
    save(draft, force)
      .then((saved) => {
        onLeaving();
        notifications.show({ color: 'leaf', title: 'Saved', message: `Version ${saved.version} of “${saved.name}”.` });
        onSaved(saved);
      })
      .catch((error: unknown) => setState({ busy: false, error, missingName: false }));
  };
  return { ...state, run };
}

/** Ctrl+Z and Ctrl+Shift+Z (with ⌘ on a Mac), also within the controls of conditions; a text area keeps its own. */
function useUndoKeys({ undo, redo }: { undo(): void; redo(): void }): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
      const key = event.key.toLowerCase();
      const redoes = (key === 'z' && event.shiftKey) || key === 'y';
      if (key !== 'z' && !redoes) return;
      if (event.target instanceof HTMLElement && event.target.closest('textarea, .editor-name, .spot')) return;
      event.preventDefault();
      if (redoes) redo();
      else undo();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [undo, redo]);
}
