import { IconGripVertical, IconPlus } from '@tabler/icons-react';
import type { MouseEvent } from 'react';
import {
  RuleGroupBodyComponents,
  getDispatchQueryById,
  type RuleGroupProps,
  type UseRuleGroup,
} from 'react-querybuilder';
import { dissolved, quantifierOf, withQuantifier, type Group, type Quantifier } from '../model/query.ts';
import { useBuilder } from './context.ts';
import { Pick, Word } from './fields.tsx';
import { keepFocus } from './focus.ts';
import { RowMenu } from './RowMenu.tsx';

type PartProps = RuleGroupProps & UseRuleGroup;

const QUANTIFIERS: readonly { value: Quantifier; label: string }[] = [
  { value: 'all', label: 'all' },
  { value: 'any', label: 'any' },
  { value: 'none', label: 'none' },
  { value: 'not_all', label: 'not all' },
];

/** What a group says about its conditions, and what can be done with it. */
export function GroupHeader(props: PartProps) {
  const { path, dragRef, actions, schema } = props;
  const { refusals } = useBuilder();
  const group = props.ruleGroup as unknown as Group;
  const id = group.id ?? '';
  const isRoot = path.length === 0;
  const place = path.map((index) => index + 1).join('.');
  const change = (next: (query: Group) => Group): void =>
    getDispatchQueryById(schema.qbId)?.(next(schema.getQuery() as unknown as Group));
  const refusal = refusals.get(id);
  return (
    <div className="group-head" role="group" aria-label={isRoot ? 'All conditions' : `Group ${place}`}>
      {!isRoot && (
        <span ref={dragRef} className="row-handle" title="Drag to move the group">
          <IconGripVertical size={15} aria-hidden />
        </span>
      )}
      <Word>{isRoot ? 'People who match' : 'match'}</Word>
      <Pick
        label={isRoot ? 'How many of the conditions must match' : `How many of group ${place} must match`}
        value={quantifierOf(group)}
        options={QUANTIFIERS}
        strong
        onChange={(quantifier) => change((query) => withQuantifier(query, id, quantifier))}
      />
      <Word>of these:</Word>
      {!isRoot && (
        <span className="group-actions">
          <RowMenu
            label={`Actions for group ${place}`}
            actions={[
              { label: 'Move up', disabled: !!props.shiftUpDisabled, onClick: () => actions.moveRule(path, 'up') },
              {
                label: 'Move down',
                disabled: !!props.shiftDownDisabled,
                onClick: () => actions.moveRule(path, 'down'),
              },
              {
                label: 'Duplicate',
                onClick: () => actions.moveRule(path, [...path.slice(0, -1), path.at(-1)! + 1], true),
              },
              {
                label: 'Dissolve the group',
                disabled: !!group.not,
                onClick: () => change((query) => dissolved(query, id)),
              },
              { label: 'Remove the group', danger: true, onClick: () => actions.onGroupRemove(path) },
            ]}
          />
        </span>
      )}
      {refusal !== undefined && (
        <p className="row-problem" role="alert">
          {refusal}
        </p>
      )}
    </div>
  );
}

/** The conditions, and what adds one. */
export function GroupBody(props: PartProps) {
  const { path } = props;
  const group = props.ruleGroup as unknown as Group;
  const place = path.map((index) => index + 1).join('.');
  const to = path.length === 0 ? '' : ` to group ${place}`;
  const add = (event: MouseEvent<HTMLElement>, by: PartProps['addRule']): void => {
    by(event);
    keepFocus.onLastIn(event.currentTarget.closest('.group-body'));
  };
  return (
    <div className="group-body" data-word={group.combinator}>
      {group.rules.length === 0 && <p className="group-empty">No conditions yet.</p>}
      <RuleGroupBodyComponents {...props} />
      <div className="group-adds">
        <button
          type="button"
          className="add"
          aria-label={`Add a condition${to}`}
          onClick={(event) => add(event, props.addRule)}
        >
          <IconPlus size={14} aria-hidden /> Condition
        </button>
        {path.length < 12 && (
          <button
            type="button"
            className="add"
            aria-label={`Add a group${to}`}
            onClick={(event) => add(event, props.addGroup)}
          >
            <IconPlus size={14} aria-hidden /> Group
          </button>
        )}
      </div>
    </div>
  );
}
