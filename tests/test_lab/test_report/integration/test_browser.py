"""The page in a real browser, from disk."""
import cv2
import numpy as np
import pytest
from browser import Browser, needs_browser
from report_runs import write_run

from mmst.lab.report import write_report
from mmst.lab.report.collect import collect
from mmst.lab.report.page import page
from mmst.lab.report.samples import Sample

WIDTHS = (1280, 400)


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    needs_browser()
    folder = tmp_path_factory.mktemp('browser')
    return write_report(write_run(folder / 'run'), folder / 'report.html', samples=0)


@pytest.fixture(scope='module')
def browser(path):
    with Browser(WIDTHS[0]) as browser:
        yield browser


@pytest.fixture(params=WIDTHS)
def opened(request, browser, path):
    browser.resize(request.param)
    browser.open(path)
    return browser


def test_it_opens_without_an_error_and_asks_for_nothing(opened):
    assert opened.run('return document.title') == 'Run run'
    assert opened.console() == [] and opened.requests() == []


def test_nothing_sticks_out_of_the_window(opened):
    assert opened.wider_than_the_window() == []
    opened.run('document.querySelectorAll("details").forEach(d => d.open = true)')
    assert opened.wider_than_the_window() == []


def test_letters_are_large_enough_to_read(opened):
    """On the screen, after drawings were scaled; in CSS pixels."""
    sizes = opened.run('''
        return [...document.querySelectorAll('svg text')].filter(t => t.getClientRects().length)
            .map(t => [t, t.closest('svg')])
            .map(([t, svg]) => parseFloat(getComputedStyle(t).fontSize)
                * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)''')
    assert len(sizes) > 300 and min(sizes) >= 8


def test_one_of_the_two_drawings_is_shown(opened):
    shown = opened.run('''
        return ['wide', 'narrow'].map(name => [...document.querySelectorAll('.' + name)]
            .filter(d => d.getClientRects().length).length)''')
    assert shown == ([2, 0] if opened.run('return innerWidth') > 760 else [0, 2])


def test_a_block_tells_its_numbers_to_the_keyboard_and_to_the_mouse(opened):
    tell = '''
        const spot = [...document.querySelectorAll('#architecture .spot')]
            .filter(s => s.getClientRects().length)[30];
        ACT
        return [spot.getAttribute('aria-label'), document.querySelector('.tip').textContent]'''
    point = 'spot.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));'
    for act in ('spot.focus();', point):
        label, printed = opened.run(tell.replace('ACT', act))
        assert label == printed != '' and '3x3' in printed


def test_the_tab_key_reaches_a_block(opened):
    from selenium.webdriver.common.keys import Keys
    opened.run('document.querySelector("#architecture h2").tabIndex = -1;'
               'document.querySelector("#architecture h2").focus()')
    opened.driver.switch_to.active_element.send_keys(Keys.TAB)
    assert opened.driver.switch_to.active_element.get_attribute('class') == 'spot'


def test_the_browser_would_notice(browser, path, tmp_path):
    """The checks above find an error, a request and a wide element where there is one."""
    broken = path.read_text().replace('</main>', '<img src="http://127.0.0.1:9/x.png"><div style='
                                      '"width:3000px">x</div><script>nothing()</script></main>')
    (tmp_path / 'broken.html').write_text(broken)
    browser.open(tmp_path / 'broken.html')
    assert any('nothing' in line for line in browser.console())
    assert browser.requests() == ['http://127.0.0.1:9/x.png']
    assert 'the page' in browser.wider_than_the_window()


@pytest.mark.parametrize('width', WIDTHS)
def test_a_killed_run_with_a_picture_fits_too(browser, tmp_path, width):
    dot = cv2.imencode('.png', np.zeros((40, 900, 3), np.uint8))[1].tobytes()
    data = collect(write_run(tmp_path / ('a_work_directory_with_a_long_name' * 3), killed=True))
    (tmp_path / 'killed.html').write_text(page(data, [Sample(dot, 'a dot')]))
    browser.resize(width)
    browser.open(tmp_path / 'killed.html')
    assert browser.console() == [] and browser.requests() == []
    assert browser.wider_than_the_window() == []
