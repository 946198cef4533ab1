export { addressHash } from './address-hash.ts';
export type { Edge, Flow, FlowNode, FlowSpan, Leaf, MessageNode, NodeType } from './definition.ts';
export { fireFlowDue, flowDueOf, foldFlowInput, objectDueOf, type FlowEffects } from './fold.ts';
export { flowSchema, parseFlow, type FlowIssue } from './parse.ts';
export { publishingIssues, type PublishingOptions } from './publishing.ts';
export { FlowCache } from './workspace.ts';
export { SCANNED, workspaceOfEntry } from './keys.ts';
export { type FlowCause, type FlowObjects, type FlowStore, type FlowTools } from './turn.ts';
