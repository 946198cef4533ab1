import { IconGripVertical, IconX } from '@tabler/icons-react';
import { memo, type KeyboardEvent } from 'react';
import { getDispatchQueryById, type RuleProps } from 'react-querybuilder';
import { problemOf, type Condition } from '../model/condition.ts';
import { wrapped, type Group } from '../model/query.ts';
import { ConditionFields } from './ConditionFields.tsx';
import { useBuilder } from './context.ts';
import { keepFocus, nameOfPlace } from './focus.ts';
import { RowMenu } from './RowMenu.tsx';

/** What react-querybuilder and its drag-and-drop give to a rule. */
type RowProps = RuleProps & {
  isDragging?: boolean;
  isOver?: boolean;
  dropNotAllowed?: boolean;
};

function sameRow(before: RowProps, after: RowProps): boolean {
  return (
    before.rule === after.rule &&
    before.path.join() === after.path.join() &&
    before.actions === after.actions &&
    before.isDragging === after.isDragging &&
    before.isOver === after.isOver &&
    before.dropNotAllowed === after.dropNotAllowed &&
    before.shiftUpDisabled === after.shiftUpDisabled &&
    before.shiftDownDisabled === after.shiftDownDisabled
  );
}

/**
 * One condition. It is rendered only when it changes itself, or its place: with 100 of them, typing into one must not
 * render the others.
 */
export const ConditionRow = memo(function ConditionRow(props: RowProps) {
  const { rule, path, actions, schema, dragRef, dndRef, isDragging, isOver, dropNotAllowed } = props;
  const { refusals, announce } = useBuilder();
  const condition = rule.value as Condition;
  const id = rule.id ?? '';
  const problem = problemOf(condition) ?? refusals.get(id) ?? null;
  const place = path.map((index) => index + 1).join('.');
  const remove = (): void => {
    keepFocus.afterRemoval(id);
    actions.onRuleRemove(path);
    announce(`Condition ${place} removed`);
  };
  const move = (direction: 'up' | 'down'): void => {
    if (direction === 'up' ? props.shiftUpDisabled : props.shiftDownDisabled) return;
    actions.moveRule(path, direction);
    keepFocus.on(id);
    announce(`Condition moved ${direction}${nameOfPlace(id)}`);
  };
  const duplicate = (): void => actions.moveRule(path, [...path.slice(0, -1), path.at(-1)! + 1], true);
  const group = (): void => {
    getDispatchQueryById(schema.qbId)?.(wrapped(schema.getQuery() as Group, id));
    keepFocus.on(id);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
    event.preventDefault();
    move(event.key === 'ArrowUp' ? 'up' : 'down');
  };
  return (
    <div
      ref={dndRef}
      className="row"
      role="group"
      aria-label={`Condition ${place}`}
      data-rule-id={id}
      data-dragging={isDragging || undefined}
      data-over={(isOver && (dropNotAllowed ? 'no' : 'yes')) || undefined}
      data-problem={problem !== null || undefined}
      onKeyDown={onKeyDown}
    >
      <div className="row-box">
        <span ref={dragRef} className="row-handle" title="Drag to move; or press Alt with an arrow key">
          <IconGripVertical size={15} aria-hidden />
        </span>
        <div className="row-fields">
          <ConditionFields condition={condition} onChange={(next) => actions.onPropChange('value', next, path)} />
          {problem !== null && (
            <p className="row-problem" role="alert">
              {problem}
            </p>
          )}
        </div>
        <div className="row-actions">
          <RowMenu
            label={`Actions for condition ${place}`}
            actions={[
              { label: 'Move up', keys: 'Alt ↑', disabled: props.shiftUpDisabled ?? false, onClick: () => move('up') },
              {
                label: 'Move down',
                keys: 'Alt ↓',
                disabled: props.shiftDownDisabled ?? false,
                onClick: () => move('down'),
              },
              { label: 'Duplicate', onClick: duplicate },
              { label: 'Put into a group', onClick: group },
              { label: 'Remove', danger: true, onClick: remove },
            ]}
          />
          <button
            type="button"
            className="row-action"
            aria-label={`Remove condition ${place}`}
            title="Remove"
            onClick={remove}
          >
            <IconX size={15} aria-hidden />
          </button>
        </div>
      </div>
    </div>
  );
}, sameRow);
