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
@media (prefers-color-scheme: dark) { body { background: #1c2022 } }
.swagger-ui .topbar { display: none }
.swagger-ui .info { margin: 24px 0 8px }
.swagger-ui .scheme-container { margin: 0; padding: 12px 0 }
.swagger-ui .filter .operation-filter-input { width: 100%; margin: 12px 0 }
.swagger-ui .live-responses-table .highlight-code > .microlight { max-height: 75vh }
.swagger-ui .response-col_links { display: none }
.swagger-ui .responses-table:not(.live-responses-table) .response:is([data-code^="4"], [data-code^="5"]):not([data-code="400"]) :is(.response-controls, .model-example, .headers-wrapper) { display: none }
`;

/** What these functions need of the browser, where they run: swagger-ui-express writes them into the page's script. */
declare const window: { addEventListener(type: 'hashchange', listen: () => void): void; location: { hash: string }; ui: { layoutActions: { parseDeepLinkHash(hash: string): void } } };
declare const document: { getElementById(id: string): { scrollIntoView(): void; querySelector(selector: string): { focus(): void } | null } | null };

/** Follows a link to an operation, and the browser's own buttons, without loading the page again. */
function followLinks(): void {
  window.addEventListener('hashchange', () => {
    window.ui.layoutActions.parseDeepLinkHash(window.location.hash);
    const block = document.getElementById(`operations${decodeURIComponent(window.location.hash.slice(1)).replaceAll('/', '-').replaceAll(' ', '_')}`);
    block?.scrollIntoView();
    block?.querySelector('.opblock-summary-control')?.focus();
  });
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
