// preact, whose parts import it by its name
import { h } from 'preact';
import { useState } from 'preact/hooks';
import { renderToString } from 'preact-render-to-string';

function Clicks() {
  const [clicks] = useState(0);
  return h('p', null, clicks, ' clicks');
}
console.log(renderToString(h(Clicks)));
