// The ratios as a picture: a bar for each, and a mark where its goal is.
const WIDTH = 860;
const [LABELS, BARS, ROW, TOP] = [410, 330, 30, 64];
const FONT = 'font-family="system-ui, sans-serif"';

const escape = (text) => String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

export function picture({ date, machine, sink, rows }) {
  const compared = rows.filter(({ ratio, goal }) => ratio !== undefined && goal !== undefined);
  const most = Math.max(...compared.map(({ ratio, goal }) => Math.max(ratio, goal))) * 1.05;
  const height = TOP + compared.length * ROW + 40;
  const bars = compared.map((row, index) => bar(row, TOP + index * ROW, most)).join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Ratios of the benchmark: Mailroom against others, with the goals">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="28" ${FONT} font-size="16" font-weight="600" fill="#16202a">Mailroom against others, as ratios in one run</text>
<text x="16" y="48" ${FONT} font-size="12" fill="#55616d">Longer is faster; the line is the goal. Memory: shorter is better.</text>
${bars}<text x="16" y="${height - 14}" ${FONT} font-size="11" fill="#55616d">${escape(`${date} · ${machine} · mail server: ${sink}`)}</text>
</svg>
`;
}

function bar({ name, against, ratio, goal, atMost }, y, most) {
  const x = (value) => LABELS + (value / most) * BARS;
  const isMet = atMost ? ratio <= goal : ratio >= goal;
  return `<text x="16" y="${y + 12}" ${FONT} font-size="12" fill="#16202a">${escape(name)}</text>
<text x="16" y="${y + 25}" ${FONT} font-size="10" fill="#55616d">${escape(`against ${against}`)}</text>
<rect x="${LABELS}" y="${y + 3}" width="${(x(ratio) - LABELS).toFixed(1)}" height="18" rx="3" fill="${isMet ? '#2f7d5b' : '#b3452f'}"/>
<line x1="${x(goal).toFixed(1)}" x2="${x(goal).toFixed(1)}" y1="${y}" y2="${y + 24}" stroke="#16202a" stroke-width="2"/>
<text x="${LABELS + BARS + 14}" y="${y + 17}" ${FONT} font-size="12" fill="#16202a">${ratio.toFixed(2)} (goal ${atMost ? '≤' : '≥'} ${goal})</text>
`;
}
