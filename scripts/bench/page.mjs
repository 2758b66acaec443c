// The page that a whole run writes.
const figure = (value) => (value === undefined ? '' : Number(value.toPrecision(3)).toLocaleString('en'));
const goalOf = ({ goal, atMost }) => (goal === undefined ? '' : `${atMost ? '≤' : '≥'} ${goal}`);

const tableRow = (row) => `| ${row.name} | ${figure(row.value)} ${row.unit} | ${row.other === undefined ? '' : `${row.against}: ${figure(row.other)} ${row.unit}`} | ${figure(row.ratio)} | ${goalOf(row)} |`;

export const page = ({ date, machine, sink, connections, rows }) => `# How fast Mailroom is

\`npm run bench\` measures Mailroom and what it is compared with in turn, in one run on one machine, and writes this page, [its picture](benchmark.svg) and
[its figures](benchmark.json). What counts are the ratios: they are the median of the ratios round by round, so that a machine whose speed drifts does no harm.

![Ratios of the benchmark](benchmark.svg)

| measure | Mailroom | against | ratio | goal |
|---|---|---|---|---|
${rows.map(tableRow).join('\n')}

Run of ${date} on ${machine}; everything, also the mail server (${sink}) and the clients, on this machine.

- A **fan-out** is one event to 10,000 subscribers, from its POST until the mail server has answered the last mail with 250. **Single events** are 10,000 events
  with one subscriber each, published by 20 clients at the same time. Every mail is rendered from the default template of its event type, HTML and plain text, some 5 kB.
- **nodemailer's pool** builds and sends the same 10,000 mails to the same server over as many connections (${connections}), in one process that does nothing else:
  no queue, no database, no record of what was sent. Mailroom commits each mail's start before it is sent and its end after it.
- With **Redis**, Mailroom runs as one API and one worker process; the **embedded default** is one process. The Postgres is the embedded one, with \`fsync\` on.
- The **bare Express handler** parses JSON and inserts the same row with pg; it knows no keys, no validation, no limits.
- **smtp-source** is Postfix's own source of mails, which builds nothing: what the mail server can take.
`;
