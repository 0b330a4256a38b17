/** A bar chart as SVG, readable on light and dark pages. */
export function barChart(title, bars) {
  const [labelWidth, barWidth, rowHeight, top] = [230, 430, 30, 50];
  const most = Math.max(...bars.map(({ value }) => value));
  const height = top + bars.length * rowHeight + 10;
  const rows = bars.map(({ label, value }, i) => {
    const y = top + i * rowHeight;
    const width = Math.max(1, Math.round((value / most) * barWidth));
    const kind = label.startsWith('leasepool') ? 'ours' : 'theirs';
    return [
      `  <text x="${labelWidth - 10}" y="${y + 15}" text-anchor="end">${label}</text>`,
      `  <rect class="${kind}" x="${labelWidth}" y="${y}" width="${width}" height="20" rx="2"/>`,
      `  <text x="${labelWidth + width + 8}" y="${y + 15}">${value.toLocaleString('en-US')}</text>`,
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 780 ${height}" role="img" aria-label="${title}">
  <style>
    text { font: 13px system-ui, sans-serif; fill: #57606a; }
    .title { font-weight: 600; font-size: 15px; }
    .ours { fill: #2da44e; }
    .theirs { fill: #8c959f; }
    @media (prefers-color-scheme: dark) { text { fill: #c9d1d9; } }
  </style>
  <text class="title" x="10" y="24">${title}</text>
${rows.join('\n')}
</svg>
`;
}
