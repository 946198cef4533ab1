import { Button, Select } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useRefusal } from '../app/roles.ts';
import { ApiError, bodyOf } from '../data/api.ts';
import { useApiMutation } from '../data/queries.ts';
import { phoneText } from '../design/format.ts';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { useLinkReport, useLinkRules, type LinkReportItem, type LinkRules } from './data.ts';
import {
  draftOf,
  identifierKey,
  isJunk,
  isSameRules,
  kindWords,
  rulingOf,
  SEEN_MAX,
  seenWords,
  withRuling,
  type LinkIdentifier,
  type RulesDraft,
  type Ruling,
} from './link-rules.ts';
import { PeopleHeader } from './PeopleHeader.tsx';
import { RulesForm } from './RulesForm.tsx';

/** Which identifiers join people, which do not, and the rules for that. */
export function LinksPage() {
  const rules = useLinkRules();
  return (
    <>
      <PeopleHeader purpose="Identifiers that many people share, such as a store’s own phone, must not join them." />
      {rules.error && !rules.data && (
        <ErrorState what="Cannot load the link rules" error={rules.error} onRetry={() => void rules.refetch()} />
      )}
      {rules.isPending && <LoadingState lines={8} what="Loading the link rules" />}
      {rules.data && <Editor key={rules.data.version} rules={rules.data} onReload={() => void rules.refetch()} />}
    </>
  );
}

/** Edits a version of the rules; a newer one begins again. */
function Editor({ rules, onReload }: { rules: LinkRules; onReload(): void }) {
  const [draft, setDraft] = useState<RulesDraft>(() => draftOf(rules));
  const report = useLinkReport();
  const items = report.data?.pages.flatMap((page) => page.items) ?? [];
  const save = useApiMutation(
    (api, body: RulesDraft) =>
      bodyOf(
        api.PUT('/v1/link-rules', { params: { header: { 'If-Match': `"${rules.version}"` } }, body: { ...body } }),
      ),
    {
      outdates: [['link-rules'], ['link-report'], ['people'], ['person']],
      onSuccess: () =>
        notifications.show({
          color: 'leaf',
          title: 'Link rules saved',
          message: 'People are merged and split within seconds; the report follows.',
        }),
    },
  );
  const isConflict = save.error instanceof ApiError && save.error.status === 409;
  return (
    <div className="links">
      <RulesForm
        draft={draft}
        items={items}
        isChanged={!isSameRules(draft, draftOf(rules))}
        busy={save.isPending}
        onChange={setDraft}
        onReset={() => {
          setDraft(draftOf(rules));
          save.reset();
        }}
        onSave={() => save.mutate(draft)}
      >
        {isConflict && (
          <div className="notice" data-tone="error" role="alert">
            <strong>Somebody else has changed these rules</strong>
            <div className="notice-text">Load their version, then make your change again.</div>
            <Button size="xs" variant="default" onClick={onReload}>
              Load the current rules
            </Button>
          </div>
        )}
        {save.error !== null && !isConflict && <ErrorState what="Cannot save the rules" error={save.error} />}
      </RulesForm>
      <section className="panel" aria-labelledby="report">
        <h2 id="report">Link report</h2>
        <p className="fine">
          Identifiers that were seen with at least 60 % of the limit of values of one other kind, and those that are
          denied by name.
        </p>
        {report.error && !report.data && (
          <ErrorState what="Cannot load the link report" error={report.error} onRetry={() => void report.refetch()} />
        )}
        {report.isPending && <LoadingState what="Loading the link report" />}
        {report.data && items.length === 0 && (
          <EmptyState title="Every identifier joins few people">
            No identifier is junk or close to it. There is nothing to do.
          </EmptyState>
        )}
        {items.length > 0 && <Report items={items} draft={draft} onChange={setDraft} />}
        {report.hasNextPage && (
          <Button
            size="xs"
            variant="default"
            loading={report.isFetchingNextPage}
            onClick={() => void report.fetchNextPage()}
          >
            Show more
          </Button>
        )}
      </section>
    </div>
  );
}

interface ReportProps {
  items: readonly LinkReportItem[];
  draft: RulesDraft;
  onChange(draft: RulesDraft): void;
}

function Report({ items, draft, onChange }: ReportProps) {
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Link report">
      <table className="table link-report" data-testid="link-report">
        <thead>
          <tr>
            <th scope="col">Identifier</th>
            <th scope="col">Seen with</th>
            <th scope="col" className="number">
              People joined
            </th>
            <th scope="col">Now</th>
            <th scope="col">Rule</th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <ReportRow key={identifierKey(item.identifier)} item={item} draft={draft} onChange={onChange} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** An identifier links to the search, which shows its people. */
function IdentifierLink({ identifier: { kind, value, source } }: { identifier: LinkIdentifier }) {
  return (
    <Link
      to="/people"
      search={{
        q: value,
        kind: kind === 'external' ? 'external_user_id' : kind,
        ...(source ? { source } : {}),
      }}
    >
      {kind === 'phone' ? phoneText(value) : value}
    </Link>
  );
}

const RULINGS: readonly { value: Ruling; label: string }[] = [
  { value: 'limit', label: 'By the limit' },
  { value: 'allow', label: 'Always join' },
  { value: 'deny', label: 'Never join' },
];

function ReportRow({ item, draft, onChange }: Omit<ReportProps, 'items'> & { item: LinkReportItem }) {
  const refusal = useRefusal('write');
  const { identifier, junk, reason, would_join } = item;
  const after = isJunk(draft, item);
  return (
    <tr>
      <th scope="row">
        <IdentifierLink identifier={identifier} />
        <span className="fine link-kind">
          {kindWords(identifier.kind)}
          {identifier.source ? ` of ${identifier.source}` : ''}
        </span>
      </th>
      <td>{seenWords(item.seen_with)}</td>
      <td className="number">{would_join >= SEEN_MAX ? `over ${SEEN_MAX - 1}` : would_join}</td>
      <td>
        {junk ? (
          <span className="pill" data-tone="off">
            junk{reason === 'deny' ? ', denied' : ''}
          </span>
        ) : (
          <span className="pill" data-tone="done">
            joins{item.allowed ? ', allowed' : ''}
          </span>
        )}
        {after !== junk && <span className="fine link-after">{after ? 'will not join' : 'will join'}</span>}
      </td>
      <td>
        <Select
          size="xs"
          className="link-ruling"
          aria-label={`Rule for ${identifier.value}`}
          data={[...RULINGS]}
          value={rulingOf(draft, identifier)}
          onChange={(ruling) => ruling !== null && onChange(withRuling(draft, identifier, ruling as Ruling))}
          allowDeselect={false}
          disabled={refusal !== null}
        />
      </td>
    </tr>
  );
}
