"""The page for a moderator and the description of the API, in a real browser that reaches this server alone."""

import shutil
from pathlib import Path

import pytest
from commands import ENVIRONMENT
from needs import missing
from service import running

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support import expected_conditions as expected  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

pytestmark = pytest.mark.slow
RUDE = "😀 You are a complete f.u.c.k.i.n.g idiot\nso there <b>&amp;"


@pytest.fixture(scope="module")
def browser():
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        missing("chromium and chromium-driver are not installed: the page is not tried")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    # A proxy that is not there stands for the network: only this machine's own addresses go past it.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=900,1300",
                     "--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=127.0.0.1"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)) as browser:
        yield browser


@pytest.fixture(scope="module")
def url():
    with running() as (_, url):
        yield url


def wait(browser, condition):
    return WebDriverWait(browser, 15).until(lambda _: condition())


def find(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector)


def texts(browser, selector):
    return [found.text for found in browser.find_elements(By.CSS_SELECTOR, selector)]


def decide(browser, text):
    """Put ``text`` into the field, as a paste does, and decide."""
    field = find(browser, "#comment")
    browser.execute_script("arguments[0].value = arguments[1]", field, text)
    before = find(browser, "#text").text
    field.send_keys(Keys.CONTROL, Keys.ENTER)
    wait(browser, lambda: find(browser, "#result").is_displayed() and find(browser, "#text").text != before)


def test_a_rude_comment_is_rejected_with_its_words_marked(browser, url, tmp_path):
    browser.get(f"{url}/")
    assert not find(browser, "#result").is_displayed()
    decide(browser, RUDE)
    assert find(browser, "#verdict").text == "Reject"
    assert find(browser, "#text").text == RUDE
    marked = " ".join(texts(browser, "#text mark"))
    assert "idiot" in marked
    assert "f.u.c.k" in marked
    assert "so there" not in marked
    assert "Personal attack" in texts(browser, "#reasons strong")
    assert "insults and attacks on a person" in find(browser, "#reasons").text
    assert len(browser.find_elements(By.CSS_SELECTOR, "#scores tr")) == 14
    assert "Personal attack" in " ".join(texts(browser, "#scores tr.broken"))
    assert browser.save_screenshot(str(tmp_path / "page.png"))
    assert Path(tmp_path / "page.png").stat().st_size > 20_000


def test_a_civil_comment_is_approved_and_nothing_marked(browser, url):
    browser.get(f"{url}/")
    find(browser, "[data-text]").click()
    wait(browser, lambda: find(browser, "#result").is_displayed())
    assert find(browser, "#verdict").text == "Approve"
    assert texts(browser, "#text mark") == []
    assert not find(browser, "#grounds").is_displayed()


def test_every_example_on_the_page_shows_what_it_says(browser, url):
    browser.get(f"{url}/")
    verdicts = []
    for example in browser.find_elements(By.CSS_SELECTOR, "[data-text]"):
        example.click()
        text = example.get_attribute("data-text")
        WebDriverWait(browser, 15).until(expected.text_to_be_present_in_element((By.ID, "text"), text))
        verdicts.append(find(browser, "#verdict").text)
    assert verdicts == ["Approve", "Reject", "Reject", "Reject"]


def test_markup_in_a_comment_is_shown_and_not_run(browser, url):
    browser.get(f"{url}/")
    attack = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    decide(browser, attack)
    assert find(browser, "#text").text == attack
    assert browser.title != "run"
    assert browser.find_elements(By.CSS_SELECTOR, "#text img") == []


def test_it_can_be_used_without_seeing_or_a_mouse(browser, url):
    browser.get(f"{url}/")
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('textarea, input, button, a')]"
        ".filter(e => !(e.labels?.length || e.textContent.trim())).length"
    )
    assert unnamed == 0
    assert find(browser, "html").get_attribute("lang") == "en"
    assert browser.switch_to.active_element.get_attribute("id") == "comment"
    decide(browser, RUDE)
    assert browser.switch_to.active_element.get_attribute("id") == "result"  # a screen reader says its heading
    assert find(browser, "#result").get_attribute("aria-labelledby") == "verdict"
    assert find(browser, "#problem").get_attribute("role") == "alert"


# Contrast of each visible text with what is behind it, by WCAG 2.2 (1.4.3): the lowest.
CONTRAST = """
const luminance = (color) => {
  const [r, g, b] = color.match(/[\\d.]+/g).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (found) => {
  for (; found; found = found.parentElement) {
    const color = getComputedStyle(found).backgroundColor;
    if (color !== "rgba(0, 0, 0, 0)") return color;
  }
  return "rgb(255, 255, 255)";
};
const shown = [...document.querySelectorAll("h1, h2, h3, p, label, button, span, mark, th, td, a, strong")]
  .filter((found) => found.offsetParent && found.textContent.trim());
return Math.min(...shown.map((found) => {
  const both = [luminance(getComputedStyle(found).color), luminance(behind(found))];
  return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}));
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out(browser, url, scheme):
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    browser.get(f"{url}/")
    decide(browser, RUDE)
    assert browser.execute_script(CONTRAST) >= 4.5


def test_it_loads_nothing_from_elsewhere_and_complains_of_nothing(browser, url):
    browser.get_log("browser")
    browser.get(f"{url}/")
    decide(browser, RUDE)
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert loaded
    assert all(address.startswith((f"{url}/", "data:")) for address in loaded)
    assert browser.get_log("browser") == []


def test_the_description_of_the_api_needs_no_network(browser, url):
    browser.get_log("browser")
    browser.get(f"{url}/docs")
    wait(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, ".opblock")) == 8)
    assert browser.get_log("browser") == []


def test_a_key_is_asked_for_where_one_is_needed(browser):
    with running(environment={**ENVIRONMENT, "MODERATE_API_KEYS": "key-of-the-tests"}) as (_, url):
        browser.get(f"{url}/")
        browser.execute_script("arguments[0].value = 'you idiot'", find(browser, "#comment"))
        find(browser, "#decide").click()
        wait(browser, lambda: find(browser, "#key").is_displayed())
        assert "asks for an API key" in find(browser, "#problem").text
        find(browser, "#key").send_keys("key-of-the-tests", Keys.ENTER)
        wait(browser, lambda: find(browser, "#result").is_displayed())
        assert not find(browser, "#problem").is_displayed()


def test_a_service_that_is_gone_is_said(browser):
    with running() as (process, url):
        browser.get(f"{url}/")
        process.terminate()
        process.wait(20)
        find(browser, "[data-text]").click()
        wait(browser, lambda: find(browser, "#problem").is_displayed())
        assert "cannot be reached" in find(browser, "#problem").text
