import { ActionIcon, Checkbox, SegmentedControl, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { IconArrowBackUp, IconArrowForwardUp, IconChevronLeft } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { memo, useCallback, useEffect, useMemo, useRef, useState } from 'react';
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
  const [view, setView] = useState<View>('builder');
  const [personId, setPersonId] = useState<string | null>(null);
  const editing = useEditing(start.audience, includeAnonymous);
  const { query, setQuery, complete, refusals, question, preview } = editing;
  const unsaved = name !== start.name || includeAnonymous !== start.include_anonymous || editing.changed;
  const allowLeaving = useUnsaved(unsaved);
  const saving = useSaving({ save, onSaved, onLeaving: allowLeaving });
  useTitle(heading);

  const text = useMemo(() => (complete === null ? null : renderText(complete)), [complete]);
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
  const submit = useLatest((force: boolean): void => {
    const audience = editing.current();
    if (audience === null) return;
    saving.run({ ...start, name: name.trim(), include_anonymous: includeAnonymous, audience }, force);
  });
  return (
    <div className="editor">
      <h1 className="visually-hidden">{heading}</h1>
      <EditorHead
        back={back}
        name={name}
        missing={saving.missingName && name.trim() === ''}
        busy={saving.busy}
        incomplete={editing.incomplete}
        onName={setName}
        onSave={submit}
      />
      {saving.error !== null && <SaveFailed error={saving.error} onOverwrite={() => submit(true)} />}
      {newerVersion !== null && saving.error === null && (
        <Notice title={`Version ${newerVersion} was saved meanwhile`}>
          Saving will ask before it replaces that version. Reload the page to begin from it.
        </Notice>
      )}
      <Sentence audience={editing.incomplete ? null : complete} />
      <div className="editor-columns">
        <section className="panel editor-main" aria-label="Conditions">
          <EditorViews
            view={view}
            onView={setView}
            includeAnonymous={includeAnonymous}
            onIncludeAnonymous={setIncludeAnonymous}
          />
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

/** A function that never changes, and calls the one of the last rendering: what receives it need not be rendered again. */
function useLatest<A extends unknown[]>(run: (...args: A) => void): (...args: A) => void {
  const latest = useRef(run);
  latest.current = run;
  return useCallback((...args: A) => latest.current(...args), []);
}

interface HeadProps {
  back: EditorProps['back'];
  name: string;
  /** Saving was refused because it has no name. */
  missing: boolean;
  busy: boolean;
  incomplete: boolean;
  onName(name: string): void;
  onSave(force: boolean): void;
}

/** Not rendered while somebody types into a condition: a field as high as its text measures the page each time. */
const EditorHead = memo(function EditorHead({ back, name, missing, busy, incomplete, onName, onSave }: HeadProps) {
  return (
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
        onChange={(event) => onName(event.currentTarget.value.replaceAll(/[\r\n]+/g, ' '))}
        error={missing ? 'Give it a name to save it.' : undefined}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return;
          event.preventDefault();
          onSave(false);
        }}
        autoComplete="off"
        data-testid="name"
      />
      <div className="page-actions">
        <UndoButtons />
        <RoleButton needs="write" loading={busy} disabled={incomplete} onClick={() => onSave(false)}>
          Save
        </RoleButton>
      </div>
    </div>
  );
});

/** The audience as a sentence; null while something is missing. */
const Sentence = memo(function Sentence({ audience }: { audience: Audience | null }) {
  return (
    <p className="sentence" data-testid="sentence">
      {audience === null ? 'Complete the marked conditions to see who matches.' : inWords(audience)}
    </p>
  );
});

type View = 'builder' | 'text';

interface ViewsProps {
  view: View;
  onView(view: View): void;
  includeAnonymous: boolean;
  onIncludeAnonymous(include: boolean): void;
}

/** How the audience is edited, and what applies to all of its conditions. */
const EditorViews = memo(function EditorViews({ view, onView, includeAnonymous, onIncludeAnonymous }: ViewsProps) {
  return (
    <div className="editor-views">
      <SegmentedControl
        size="xs"
        aria-label="How to edit"
        value={view}
        onChange={(value) => onView(value as View)}
        data={[
          { value: 'builder', label: 'Builder' },
          { value: 'text', label: 'Text' },
        ]}
      />
      <Checkbox
        size="xs"
        label="Include anonymous people"
        checked={includeAnonymous}
        onChange={(event) => onIncludeAnonymous(event.currentTarget.checked)}
      />
    </div>
  );
});

function useTitle(heading: string): void {
  useEffect(() => {
    document.title = `${heading} · Jane Traits`;
  }, [heading]);
}

function UndoButtons() {
  const history = useQueryBuilderHistory(BUILDER_ID, { maxHistory: 200, coalesceMs: 700 });
  useUndoKeys(history);
  return (
    <ActionIcon.Group>
      <UndoButton label="Undo" keys="Ctrl+Z" disabled={!history.canUndo} onClick={history.undo} />
      <UndoButton label="Redo" keys="Ctrl+Shift+Z" disabled={!history.canRedo} onClick={history.redo} />
    </ActionIcon.Group>
  );
}

interface UndoButtonProps {
  label: 'Undo' | 'Redo';
  keys: string;
  disabled: boolean;
  onClick(): void;
}

const UndoButton = memo(function UndoButton({ label, keys, disabled, onClick }: UndoButtonProps) {
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
});

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
