// A mail server that takes everything and keeps nothing, where Postfix's smtp-sink is missing, or one has to be slow. After each mail it writes, like
// `smtp-sink -c`, how many it has. Usage: node light-sink.mjs <port> [milliseconds before each answer]
import { createServer } from 'node:net';

const [port, delayMs] = process.argv.slice(2).map(Number);
const END = Buffer.from('\r\n.\r\n');
const ANSWERS = { EHLO: '250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n', DATA: '354 go on\r\n', QUIT: '221 bye\r\n' };
let mails = 0;

createServer((socket) => {
  let [rest, inData] = [Buffer.alloc(0), false];
  const say = (text) => (delayMs ? setTimeout(() => socket.writable && socket.write(text), delayMs) : socket.write(text));
  socket.setNoDelay(true).on('error', () => undefined);
  socket.write('220 sink ESMTP\r\n');
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let answers = '';
    for (let end = endOf(rest, inData); end >= 0; end = endOf(rest, inData)) {
      answers += inData ? '250 2.0.0 OK\r\n' : answerTo(rest.toString('latin1', 0, end));
      rest = rest.subarray(end + (inData ? END.length : 2));
      if (inData) process.stdout.write(`mesg=${(mails += 1)}\r`);
      inData = answers.endsWith(ANSWERS.DATA);
    }
    if (answers !== '') say(answers);
  });
}).listen(port, '127.0.0.1');

const endOf = (bytes, inData) => (inData ? bytes.indexOf(END) : bytes.indexOf('\r\n'));
const answerTo = (line) => ANSWERS[line.slice(0, 4).toUpperCase()] ?? '250 2.0.0 OK\r\n';
