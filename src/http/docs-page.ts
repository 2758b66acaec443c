import type { JsonObject, SwaggerUiOptions } from 'swagger-ui-express';

/** What a page needs of the contract; the rest of it is handed on as it is. */
interface Contract extends JsonObject {
  info: { description: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

interface Operation {
  operationId: string;
  tags: string[];
  parameters?: { schema: object }[];
}

/** The contract as Swagger UI shows it: it begins with the first steps, and a parameter is filled in only when it has an example of its own. */
export function forReading(contract: JsonObject): JsonObject {
  const { info, paths, components } = contract as Contract;
  const operations = Object.values(paths).flatMap((item) => Object.values(item));
  return {
    ...contract,
    info: { ...info, description: `${firstSteps(operations)}\n\n${info.description}` },
    paths: mapValues(paths, (item) => mapValues(item, (operation) => withEmptyParameters(operation, components.schemas))),
  };
}

/** Plain HTML, since Swagger UI opens the links of Markdown in another tab. */
function firstSteps(operations: Operation[]): string {
  const link = (operationId: string, text: string): string => {
    const tag = operations.find((operation) => operation.operationId === operationId)?.tags[0];
    return `<a href="#/${encodeURIComponent(tag ?? '')}/${operationId}">${text}</a>`;
  };
  return `**First steps**

1. Press **Authorize** and paste the API key that the first start printed.
2. ${link('putSmtpSettings', 'Name the mail server')}, then ${link('startSmtpTest', 'test it')}: which address works, and what the server says.
3. ${link('createSubscription', 'Subscribe an address')} to a type of event.
4. ${link('publishEvent', 'Publish an event')} of that type. The answer has its \`id\`.
5. ${link('listEmails', 'See what became of it')}: \`sent\` with the server's reply, or the reason why not.`;
}

/** Swagger UI would fill in the example that a type has, such as a time, and send it: a list would be filtered down to nothing. */
function withEmptyParameters(operation: Operation, schemas: Contract['components']['schemas']): Operation {
  if (operation.parameters === undefined) return operation;
  return { ...operation, parameters: operation.parameters.map((parameter) => ({ ...parameter, schema: withoutExample(parameter.schema, schemas) })) };
}

function withoutExample(schema: object, schemas: Contract['components']['schemas']): object {
  if (!('$ref' in schema)) return schema;
  const { example: _example, ...rest } = (schemas[String(schema.$ref).split('/').pop()!] ?? {}) as { example?: unknown };
  return rest;
}

const mapValues = <T>(object: Record<string, T>, change: (value: T) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));

const FAVICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect y="4" width="32" height="24" rx="4" fill="#2563eb"/><path d="M4 9l12 9 12-9" fill="none" stroke="#fff" stroke-width="3"/></svg>',
)}`;

/** Less room for what is said once, more for an answer; the same problem is not shown ten times for each operation. */
const STYLE = `
html.dark-mode { color-scheme: dark }
html:not(.dark-mode) .swagger-ui .info a { color: #1d5fb8 }
html:not(.dark-mode) .swagger-ui .btn.authorize { border-color: #1b7a4d; color: #1b7a4d }
html:not(.dark-mode) .swagger-ui .btn.authorize svg { fill: #1b7a4d }
@media (prefers-color-scheme: dark) { body { background: #1c2022 } }
.swagger-ui .topbar { display: none }
.swagger-ui .info { margin: 24px 0 8px }
.swagger-ui .scheme-container { margin: 0; padding: 12px 0 }
.swagger-ui .parameters-col_description input[type="text"] { width: 100%; max-width: 30em }
.swagger-ui .filter .operation-filter-input { width: 100%; margin: 12px 0 }
.swagger-ui .live-responses-table .highlight-code > .microlight { max-height: 75vh }
.swagger-ui .response-col_links { display: none }
`;

/** What this function needs of the browser, where it runs: swagger-ui-express writes it into the page's script. */
interface Block { scrollIntoView(): void; querySelector(selector: string): { focus(): void } | null }
interface Click { target: { closest(selector: string): { hash: string } | null }; preventDefault(): void }
declare const window: { addEventListener(type: 'popstate', listen: () => void): void; location: { hash: string } };
declare const document: { getElementById(id: string): Block | null; addEventListener(type: 'click', listen: (event: Click) => void): void };
declare const ui: { layoutActions: { parseDeepLinkHash(hash: string): void; show(thing: string[], shown: boolean): void } };

/** Swagger UI looks at the address once, when it is loaded. This follows a link of the first steps, and the browser's Back, to the operation. */
function followLinks(): void {
  const blockOf = (path: string): Block | null => document.getElementById(`operations${path.replaceAll('/', '-').replaceAll(' ', '_')}`);
  const goTo = (block: Block | null): void => {
    block?.scrollIntoView();
    block?.querySelector('.opblock-summary-control')?.focus();
  };
  document.addEventListener('click', (event) => {
    const link = event.target.closest('.info a[href^="#/"]');
    if (link === null) return;
    event.preventDefault();
    const path = decodeURIComponent(link.hash.slice(1));
    const block = blockOf(path);
    if (block === null) ui.layoutActions.parseDeepLinkHash(`#${path}`); // its tag is closed
    else ui.layoutActions.show(['operations', ...path.slice(1).split('/')], true);
    goTo(block);
  });
  window.addEventListener('popstate', () => goTo(blockOf(decodeURIComponent(window.location.hash.slice(1)))));
}

export const PAGE: SwaggerUiOptions = {
  customSiteTitle: 'Mailroom',
  customfavIcon: FAVICON,
  customCss: STYLE,
  swaggerOptions: {
    persistAuthorization: true, displayRequestDuration: true, docExpansion: 'list', filter: true, tryItOutEnabled: true, defaultModelsExpandDepth: 0,
    requestSnippetsEnabled: true, onComplete: followLinks,
  },
};
