export { templateProblems, templateUses } from './check.ts';
export { TEMPLATE_CHARS_MAX, type TemplateFormat } from './engine.ts';
export { renderMessage, type MessageContent, type MessageTemplate } from './message.ts';
export { firstNameOf, VARIABLES, type TemplateContext } from './variables.ts';
