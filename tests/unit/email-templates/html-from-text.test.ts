import { describe, expect, test } from '@jest/globals';
import { htmlFromText } from '../../../src/email-templates/html-from-text.js';
import { linkUrls } from '../../../src/email-templates/html-text.js';
import { expectBalanced } from './balanced.js';

describe('HTML made from text', () => {
  test('has paragraphs, lists, facts and a footer', () => {
    const html = htmlFromText('Hello', 'One\ntwo\n\n- a\n- b\n\n1. c\n2. d\n\nAsset:    db\nAccount:  svc\n\n-- \nBye');
    expectBalanced(html);
    expect(html).toMatch(/<h1[^>]*>Hello<\/h1>/);
    expect(html).toMatch(/<p[^>]*>One<br>\ntwo<\/p>/);
    expect(html).toMatch(/<ul[^>]*>\n<li[^>]*>a<\/li>\n<li[^>]*>b<\/li>\n<\/ul>/);
    expect(html).toMatch(/<ol[^>]*>\n<li[^>]*>c<\/li>\n<li[^>]*>d<\/li>\n<\/ol>/);
    expect(html).toMatch(/<th scope="row"[^>]*>Asset<\/th><td[^>]*>db<\/td>/);
    expect(html.indexOf('Bye')).toBeGreaterThan(html.indexOf('class="quiet" style="padding:18px'));
  });

  test('takes nothing in the text for markup', () => {
    const html = htmlFromText('<b>"&', '<script>alert(1)</script>\n\n- <img src=x>\n\n<a>:   <i>\n\n-- \n<u>');
    expectBalanced(html);
    expect(html).not.toMatch(/<script|<img|<i>|<u>|<b>|<a>/);
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  test('has no images and fetches nothing', () => {
    expect(htmlFromText('Hello', 'Text')).not.toMatch(/<img|<link|<script|@import|url\(|src=/i);
  });
});

describe('links', () => {
  test.each([
    ['see https://a.example/b?c=1&d=2.', 'see <a href="https://a.example/b?c=1&amp;d=2">https://a.example/b?c=1&amp;d=2</a>.'],
    ['(http://a.example)', '(<a href="http://a.example">http://a.example</a>)'],
    ['javascript:alert(1)', 'javascript:alert(1)'],
    ['data:text/html,<b>', 'data:text/html,&lt;b&gt;'],
    ['https://a.example/"onclick="x', '<a href="https://a.example/">https://a.example/</a>&quot;onclick=&quot;x'],
    ['https://', 'https://'],
  ])('%s', (text, html) => expect(linkUrls(text)).toBe(html));
});
