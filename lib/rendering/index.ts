export { createRenderer, TemplateError, type Renderer, type RendererOptions, type RenderRequest } from './renderer.ts';
