import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { EmailTemplate, EmailTemplatePage, EmailTemplateSummary, EmailTemplateWrite } from '../../src/email-templates/email-templates.contract.js';
import type { FieldError } from '../../src/errors.js';
import { builtInEventTypes } from '../../src/event-types/catalogue.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf, forgetAudit } from './audit.js';
import { expectProblem } from './expect-problem.js';
import { meetAtLock } from './race.js';

const PATH = '/v1/email-templates';
const TYPE = 'PasswordCheckFailed';
const ONE = `${PATH}/${TYPE}`;
const CUSTOM = 'InvoicePaid';

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
  await defineType(CUSTOM, { displayName: 'Invoice paid', category: 'billing', level: 'info', description: 'A customer has paid.', properties: [{ name: 'InvoiceNumber', type: 'string' }] });
});
beforeEach(async () => {
  await mailroom.container.database.prisma.emailTemplate.deleteMany();
  await forgetAudit(mailroom);
});
afterAll(async () => {
  await mailroom.close();
});

const buildTemplate = (overrides: Partial<EmailTemplateWrite> = {}): EmailTemplateWrite => ({
  subject: 'Failed: {{ AccountName }}',
  textBody: 'The password of {{ AccountName }} on {{ AssetName }} could not be checked.',
  htmlBody: '<p>{{ AccountName }}</p>',
  replyTo: 'helpdesk@example.com',
  ...overrides,
});
const without = (write: object, field: string): object => Object.fromEntries(Object.entries(write).filter(([key]) => key !== field));
const defineType = (name: string, definition: object) => mailroom.as().put(`/v1/event-types/${name}`, definition).expect(201);
const put = (write: object = buildTemplate(), path = ONE) => mailroom.as().put(path, write);
const rows = () => mailroom.container.database.prisma.emailTemplate.findMany();
const audited = async () => (await auditOf(mailroom, 'emailTemplate')).map(({ action, resourceId, actor, oldValue, newValue }) => ({ action, resourceId, actor, oldValue, newValue }));

async function read(path = ONE): Promise<{ template: EmailTemplate; etag: string }> {
  const { body, headers } = await mailroom.as().get(path).expect(200);
  return { template: body as EmailTemplate, etag: headers['etag']! };
}

async function pagesOf(query: string): Promise<EmailTemplateSummary[][]> {
  const pages: EmailTemplateSummary[][] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const { body } = await mailroom.as().get(`${PATH}?${query}${cursor && `&cursor=${cursor}`}`).expect(200);
    const page = body as EmailTemplatePage;
    pages.push(page.items);
    cursor = page.nextCursor;
  }
  return pages;
}

describe('the list', () => {
  const names = async (query: string) => (await pagesOf(query)).flat().map(({ eventType }) => eventType);

  test('has every event type once, those of other services too, in pages of 200', async () => {
    const pages = await pagesOf('limit=200');
    expect(pages.map(({ length }) => length)).toEqual([200, 200, 200, builtInEventTypes.size + 1 - 600]);
    expect(pages.flat().map(({ eventType }) => eventType)).toEqual([...builtInEventTypes.keys(), CUSTOM].sort());
  });

  test('shows of a template all but its bodies, and who changed it', async () => {
    await put().expect(200);
    await put(buildTemplate({ subject: 'Paid' }), `${PATH}/${CUSTOM}`).expect(200);
    const listed = (await pagesOf('limit=200')).flat();
    expect(listed.find(({ eventType }) => eventType === 'ApplianceSick')).toEqual({
      eventType: 'ApplianceSick', displayName: 'Appliance Sick', category: expect.any(String), level: 'info', subject: expect.stringContaining('Appliance Sick'), isModified: false, updatedAt: null, updatedBy: null,
    });
    expect(listed.find(({ eventType }) => eventType === CUSTOM)).toEqual({
      eventType: CUSTOM, displayName: 'Invoice paid', category: 'billing', level: 'info', subject: 'Paid', isModified: true, updatedAt: expect.any(String), updatedBy: 'MAILROOM_ADMIN_KEY',
    });
  });

  test.each<[string, string[]]>([
    ['q=invoicepaid', [CUSTOM]], ['q=INVOICE%20PAID', [CUSTOM]], ['q=customer%20has%20paid', [CUSTOM]], ['q=frobnicated', [TYPE]], ['q=nothing-is-called-so', []],
    ['category=billing', [CUSTOM]], ['category=Billing', []], ['isModified=true', [CUSTOM, TYPE]], ['isModified=true&category=billing', [CUSTOM]],
    ['isModified=false&q=invoice', []], ['q=invoice&isModified=true&category=PasswordManagement', []],
  ])('%s', async (query, expected) => {
    await put(buildTemplate({ subject: 'Frobnicated {{ AccountName }}' })).expect(200);
    await put(buildTemplate(), `${PATH}/${CUSTOM}`).expect(200);
    expect(await names(query)).toEqual(expected);
  });

  test('of defaults, and of one category, has all of them and no other', async () => {
    await put().expect(200);
    expect(await names('isModified=false&limit=200')).toEqual([...builtInEventTypes.keys(), CUSTOM].sort().filter((name) => name !== TYPE));
    const inCategory = [...builtInEventTypes.values()].filter(({ category }) => category === 'PasswordManagement').map(({ name }) => name);
    expect(await names('category=PasswordManagement&limit=200')).toEqual(inCategory);
  });

  const KEYS: Record<string, (template: EmailTemplateSummary) => string | number> = {
    eventType: ({ eventType }) => eventType,
    displayName: ({ displayName }) => displayName.toLowerCase(),
    category: ({ category }) => category.toLowerCase(),
    level: ({ level }) => ['info', 'warning', 'error'].indexOf(level),
    isModified: ({ isModified }) => Number(isModified),
    updatedAt: ({ updatedAt }) => (updatedAt === null ? 0 : Date.parse(updatedAt)),
  };
  test.each(Object.keys(KEYS).flatMap((key) => [key, `-${key}`]))('sorted by %s, in pages, what is alike by name', async (sort) => {
    for (const name of ['UserCreated', CUSTOM, TYPE]) await put(buildTemplate(), `${PATH}/${name}`).expect(200);
    const keyOf = KEYS[sort.replace('-', '')]!;
    const expected = (await pagesOf('limit=200')).flat().sort((one, other) => {
      const [a, b] = [keyOf(one), keyOf(other)];
      if (a === b) return one.eventType < other.eventType ? -1 : 1;
      return (a < b) === sort.startsWith('-') ? 1 : -1;
    });
    expect((await pagesOf(`sort=${sort}&limit=99`)).flat()).toEqual(expected);
  });

  test('goes on after names as long as names can be', async () => {
    const name = 'N'.repeat(100);
    await defineType(name, { displayName: '請'.repeat(100), category: '求'.repeat(100) });
    const pages = [];
    for (const sort of ['-displayName', '-category']) {
      const { body } = await mailroom.as().get(`${PATH}?sort=${sort}&limit=1`).expect(200);
      pages.push(body.items[0].eventType, (await mailroom.as().get(`${PATH}?sort=${sort}&limit=1&cursor=${body.nextCursor}`)).status);
    }
    await mailroom.as().delete(`/v1/event-types/${name}`).expect(204);
    expect(pages).toEqual([name, 200, name, 200]);
  });

  const cursorOf = (text: string) => `cursor=${Buffer.from(text).toString('base64url')}`;
  test.each([
    ...['sort=subject', 'sort=--level', 'sort=', 'sort=level,category'].map((query) => [query, 'VALIDATION_FAILED', 'sort']),
    ['isModified=maybe', 'VALIDATION_FAILED', 'isModified'], ['limit=201', 'VALIDATION_FAILED', 'limit'],
    [`q=${'q'.repeat(101)}`, 'VALIDATION_FAILED', 'q'], [`category=${'c'.repeat(101)}`, 'VALIDATION_FAILED', 'category'],
    ...['abc', '!!!'].map((cursor) => [`cursor=${cursor}`, 'CURSOR_INVALID', 'cursor']),
    ...['01900000-0000-7000-8000-000000000000', TYPE, 'null', '{"length":2}', '["a"]', '["a",1]', '["a","b","c","d"]'].map((text) => [cursorOf(text), 'CURSOR_INVALID', 'cursor']),
    [`q=nothing-is-called-so&${cursorOf(TYPE)}`, 'CURSOR_INVALID', 'cursor'],
  ])('?%s is refused', async (query, code, parameter) => {
    expectProblem(await mailroom.as().get(`${PATH}?${query}`), 400, code, [{ parameter }]);
  });

  test('does not go on in another order than it began', async () => {
    const { body } = await mailroom.as().get(`${PATH}?sort=displayName&limit=100`).expect(200);
    for (const sort of ['-displayName', 'isModified', 'eventType']) expectProblem(await mailroom.as().get(`${PATH}?sort=${sort}&cursor=${body.nextCursor}`), 400, 'CURSOR_INVALID', [{ parameter: 'cursor' }]);
  });
});

describe('read', () => {
  test.each([[TYPE, 'Password Check Failed', 'error'], [CUSTOM, 'Invoice paid', 'info']])('the default of %s', async (eventType, displayName, level) => {
    const { template, etag } = await read(`${PATH}/${eventType}`);
    expect(template).toEqual({
      eventType, displayName, category: expect.any(String), level, subject: expect.stringContaining(displayName), textBody: expect.stringContaining('EventTimestamp'), htmlBody: expect.stringMatching(/^<!doctype html>/i),
      replyTo: null, isModified: false, warnings: [], updatedAt: null, updatedBy: null,
    });
    expect(etag).toMatch(/^"[\w-]{22}\.[\w-]{22}"$/);
    expect((await read(`${PATH}/${eventType}`)).etag).toBe(etag);
  });

  test.each([['GET', 'get', undefined], ['PUT', 'put', buildTemplate()], ['DELETE', 'delete', undefined]] as const)('%s of no event type is 404', async (_name, method, body) => {
    for (const name of ['NoSuchType', 'passwordcheckfailed', '__proto__']) expectProblem(await mailroom.as()[method](`${PATH}/${name}`, body), 404, 'NOT_FOUND');
    expect(await rows()).toEqual([]);
  });

  test('is for administrators and auditors, a change for administrators', async () => {
    const [auditor, publisher] = [await mailroom.keyOf('auditor'), await mailroom.keyOf('publisher')];
    await mailroom.as(auditor).get(PATH).expect(200);
    await mailroom.as(auditor).get(ONE).expect(200);
    for (const path of [PATH, ONE]) expectProblem(await mailroom.as(publisher).get(path), 403, 'ROLE_INSUFFICIENT');
    for (const key of [auditor, publisher]) {
      expectProblem(await mailroom.as(key).put(ONE, buildTemplate()), 403, 'ROLE_INSUFFICIENT');
      expectProblem(await mailroom.as(key).delete(ONE), 403, 'ROLE_INSUFFICIENT');
    }
    expect(await rows()).toEqual([]);
  });
});

describe('replace', () => {
  const { replyTo, ...texts } = buildTemplate();

  test('stores what is given; response, row and audit log', async () => {
    const before = (await read()).template;
    const response = await put({ ...buildTemplate(), eventType: 'x', displayName: 'x', category: 'x', level: 'x', isModified: false, warnings: ['x'], updatedAt: null, updatedBy: 'x' }).expect(200);
    expect(response.body).toEqual({ ...before, ...texts, replyTo, isModified: true, updatedAt: expect.any(String), updatedBy: 'MAILROOM_ADMIN_KEY' });
    expect(await read()).toEqual({ template: response.body, etag: response.headers['etag'] });
    expect(await rows()).toEqual([expect.objectContaining({ eventType: TYPE, ...texts, replyTo, updatedBy: 'MAILROOM_ADMIN_KEY' })]);
    await put(buildTemplate({ subject: 'Second', htmlBody: null })).expect(200);
    const [first, second] = [{ ...texts, replyTo }, { ...texts, replyTo, subject: 'Second', htmlBody: null }];
    expect(await audited()).toEqual([
      { action: 'create', resourceId: TYPE, actor: 'MAILROOM_ADMIN_KEY', oldValue: null, newValue: first },
      { action: 'update', resourceId: TYPE, actor: 'MAILROOM_ADMIN_KEY', oldValue: first, newValue: second },
    ]);
  });

  test('what was read can be sent back as it is: a default stays one', async () => {
    for (const path of [ONE, `${PATH}/${CUSTOM}`]) {
      const { template, etag } = await read(path);
      const response = await put(template, path).set('If-Match', etag).expect(200);
      expect([response.body, response.headers['etag']]).toEqual([template, etag]);
    }
    expect([await rows(), await audited()]).toEqual([[], []]);
    const changed = (await put().expect(200)).body as EmailTemplate;
    const { body } = await put(changed).expect(200);
    expect({ ...body, updatedAt: changed.updatedAt }).toEqual(changed);
  });

  test("the default's texts reset the template", async () => {
    const { template } = await read();
    await put().expect(200);
    const { subject, textBody, htmlBody } = template;
    expect((await put({ subject, textBody, htmlBody }).expect(200)).body).toEqual(template);
    expect(await rows()).toEqual([]);
    expect((await audited()).at(-1)).toMatchObject({ action: 'delete', oldValue: { subject: texts.subject }, newValue: null });
  });

  test.each<[string, object]>([['left out', without(buildTemplate(), 'htmlBody')], ['null', buildTemplate({ htmlBody: null })], ['empty', buildTemplate({ htmlBody: '' })], ['blank', buildTemplate({ htmlBody: ' \r\n' })]])('htmlBody %s is none', async (_name, write) => {
    expect((await put(write).expect(200)).body).toMatchObject({ htmlBody: null, isModified: true });
    expect(await rows()).toMatchObject([{ htmlBody: null }]);
  });

  test('replyTo left out is none, and parts may be as long as they can be', async () => {
    const write = { subject: 's'.repeat(1_024), textBody: 't'.repeat(16_384), htmlBody: 'h'.repeat(65_536) };
    expect((await put(write).expect(200)).body).toMatchObject({ ...write, replyTo: null });
  });

  test('warns of macros that the event type does not have, and stores the template', async () => {
    const { body } = await put(buildTemplate({ subject: '{{ AssetNam }} {{ AccountName }}', htmlBody: '{% if Xyzzy %}x{% endif %}' })).expect(200);
    expect(body.warnings).toEqual([expect.stringMatching(/^\{\{ AssetNam \}\} is not .* Did you mean `AssetName`\?$/), expect.stringMatching(/^\{\{ Xyzzy \}\} is not .* carries it\.$/)]);
    expect((await read()).template).toEqual(body);
  });
});

describe('If-Match', () => {
  test.each<[string, object | null]>([['a PUT', buildTemplate()], ['a PUT of the default', null]])('%s with a stale one is 412, whether or not the template was ever changed', async (_name, write) => {
    const { template, etag } = await read();
    expectProblem(await put(write ?? template).set('If-Match', '"stale"'), 412, 'PRECONDITION_FAILED', [{ parameter: 'If-Match' }]);
    expectProblem(await mailroom.as().delete(ONE).set('If-Match', '"stale"'), 412, 'PRECONDITION_FAILED');
    expect([await rows(), await audited()]).toEqual([[], []]);
    const changed = await put().set('If-Match', etag).expect(200);
    const before = [await rows(), await audited()];
    expectProblem(await put(write ?? template).set('If-Match', etag), 412, 'PRECONDITION_FAILED');
    expectProblem(await mailroom.as().delete(ONE).set('If-Match', etag), 412, 'PRECONDITION_FAILED');
    expect([await rows(), await audited()]).toEqual(before);
    await mailroom.as().delete(ONE).set('If-Match', `"other", ${changed.headers['etag']!}`).expect(200);
    await put(write ?? template).set('If-Match', '*').expect(200);
  });

  test('of 50 PUTs at once with one ETag exactly one wins', async () => {
    const { etag } = await read();
    const answers = await Promise.all(Array.from({ length: 50 }, async (_, n) => put(buildTemplate({ subject: `Number ${n}` })).set('If-Match', etag)));
    const [winner, ...others] = answers.filter(({ status }) => status === 200);
    expect(others).toEqual([]);
    for (const answer of answers.filter((one) => one !== winner)) expectProblem(answer, 412, 'PRECONDITION_FAILED');
    expect((await read()).template).toEqual(winner!.body);
    expect(await audited()).toHaveLength(1);
  });
});

describe('reset', () => {
  test('answers with the default, and is in the audit log; a second one changes nothing', async () => {
    const before = await read();
    await put().expect(200);
    for (let round = 0; round < 2; round += 1) {
      const { body, headers } = await mailroom.as().delete(ONE).expect(200);
      expect({ template: body, etag: headers['etag'] }).toEqual(before);
      expect(await rows()).toEqual([]);
      expect((await audited()).map(({ action }) => action)).toEqual(['create', 'delete']);
    }
    expect((await audited()).at(-1)).toMatchObject({ oldValue: buildTemplate(), newValue: null });
  });

  test('two at once are one change', async () => {
    await put().expect(200);
    const reset = () => mailroom.as().delete(ONE);
    const answers = await meetAtLock(mailroom, `SELECT pg_advisory_xact_lock(hashtextextended('email-template ${TYPE}', 5))`, [reset, reset]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect((await audited()).map(({ action }) => action)).toEqual(['create', 'delete']);
  });
});

describe('refused, and nothing is stored', () => {
  const SHAPE = 'VALIDATION_FAILED';
  const SYNTAX = 'TEMPLATE_SYNTAX';
  const LOOPS = '{% for i in (1..3000) %}{% for j in (1..3000) %}{% if "x" contains "y" %}{% endif %}{% endfor %}{% endfor %}';

  test.each<[string, object, string, Partial<FieldError>[]]>([
    ['a blank text', buildTemplate({ textBody: ' \r\n' }), 'TEMPLATE_BLANK', [{ pointer: '/textBody' }]],
    ['no subject', { subject: undefined }, SHAPE, [{ pointer: '/subject', message: 'is required' }]],
    ['no text', { textBody: undefined }, SHAPE, [{ pointer: '/textBody', message: 'is required' }]],
    ['an empty subject', { subject: '' }, SHAPE, [{ pointer: '/subject', message: 'must have 1 to 1024 characters' }]],
    ['an empty text', { textBody: '' }, SHAPE, [{ pointer: '/textBody' }]],
    ['a subject of 1,025 characters', { subject: 's'.repeat(1_025) }, SHAPE, [{ pointer: '/subject' }]],
    ['a text of 16,385 characters', { textBody: 't'.repeat(16_385) }, SHAPE, [{ pointer: '/textBody' }]],
    ['HTML of 65,537 characters', { htmlBody: 'h'.repeat(65_537) }, SHAPE, [{ pointer: '/htmlBody', message: 'must have at most 65536 characters' }]],
    ['a subject that is null', { subject: null }, SHAPE, [{ pointer: '/subject' }]],
    ['a text that is a number', { textBody: 1 }, SHAPE, [{ pointer: '/textBody', message: 'must be a string' }]],
    ['HTML that is a list', { htmlBody: ['<p>'] }, SHAPE, [{ pointer: '/htmlBody' }]],
    ['a replyTo that is an object', { replyTo: { address: 'a@example.com' } }, SHAPE, [{ pointer: '/replyTo' }]],
    ['a replyTo of 513 characters', { replyTo: `a@${'b'.repeat(511)}` }, SHAPE, [{ pointer: '/replyTo' }]],
    ['a replyTo without @', { replyTo: 'helpdesk' }, 'EMAIL_ADDRESS_INVALID', [{ pointer: '/replyTo' }]],
    ['an empty replyTo', { replyTo: '' }, 'EMAIL_ADDRESS_INVALID', [{ pointer: '/replyTo' }]],
    ['two addresses in replyTo', { replyTo: 'a@example.com, b@example.com' }, 'EMAIL_ADDRESS_INVALID', [{ pointer: '/replyTo' }]],
    ['a replyTo with CR LF', { replyTo: 'a@example.com\r\nBcc: eve@example.com' }, 'EMAIL_ADDRESS_INVALID', [{ pointer: '/replyTo' }]],
    ['a misspelt field', { body: 'x' }, SHAPE, [{ pointer: '/body', message: 'is not a known property' }]],
    ['a macro without an end in the subject', { subject: 'Failed: {{ AccountName' }, SYNTAX, [{ pointer: '/subject', line: 1, column: 9, lineText: 'Failed: {{ AccountName' }]],
    ['a tag without an end in the text', { textBody: 'one\n\n  {% if AccountName %}\nfour' }, SYNTAX, [{ pointer: '/textBody', line: 3, column: 3, lineText: '  {% if AccountName %}' }]],
    ['an unknown filter in the HTML', { htmlBody: '<p>\n{{ AccountName | nofilter }}</p>' }, SYNTAX, [{ pointer: '/htmlBody', line: 2, column: 1, lineText: '{{ AccountName | nofilter }}</p>', message: expect.stringContaining('There is no filter "nofilter" here') as never }]],
    ['several parts', { subject: '{% nosuch %}', textBody: 'a\n{{', htmlBody: '{% endif %}' }, SYNTAX, [{ pointer: '/subject', line: 1, column: 1, lineText: '{% nosuch %}' }, { pointer: '/textBody', line: 2, column: 1, lineText: '{{' }, { pointer: '/htmlBody', line: 1, column: 1, lineText: '{% endif %}' }]],
    ...['{% include "/etc/passwd" %}', '{% render "x" %}', '{% layout "x" %}'].map((tag): [string, object, string, Partial<FieldError>[]] => [tag, { textBody: tag }, SYNTAX, [{ pointer: '/textBody', line: 1, column: 1, lineText: tag }]]),
    ['a loop that is too large', { htmlBody: '<p>\n{% for i in (1..100000000) %}x{% endfor %}' }, 'TEMPLATE_LIMIT', [{ pointer: '/htmlBody', line: 2, column: 1, lineText: '{% for i in (1..100000000) %}x{% endfor %}' }]],
    ['a loop that takes too long', { textBody: LOOPS }, 'TEMPLATE_LIMIT', [{ pointer: '/textBody', line: 1, column: expect.any(Number) as never, lineText: LOOPS }]],
  ])('%s', async (_name, overrides, code, errors) => {
    await put().expect(200);
    const before = [await rows(), await audited()];
    expectProblem(await put({ ...buildTemplate(), ...overrides }), 400, code, errors);
    expect([await rows(), await audited()]).toEqual(before);
  });
});
