"""Where links lead, by what that tells of a comment: a reader cites a newspaper, an advertiser shows a page of his own.

Read by `moderate.links`, which counts the links of each kind; what they weigh is learned. Names are those before a
top-level domain, or such a domain itself, so that one entry stands for every country's site.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Kind -> names in the address of a site, or the letters of them.
SITES: Final[Mapping[str, tuple[str, ...]]] = {
    # Sources that a reader cites: public bodies and universities, encyclopaedias and archives, science, code, news.
    "references": tuple(
        """
        gov gouv gob gc gv govt edu ac mil int europa parliament congress senate legislation courtlistener bailii
        wikipedia wikimedia wiktionary wikisource wikidata wiki archive britannica dictionary oxforddictionaries oed
        thesaurus etymonline snopes politifact factcheck fullfact who un unesco unicef worldbank imf oecd nato wto
        eurostat statista ourworldindata gapminder pewresearch gallup yougov doi arxiv biorxiv medrxiv jstor pubmed
        ncbi nih plos plosone nature science sciencemag sciencedirect springer wiley thelancet bmj nejm pnas ieee
        acm ssrn researchgate semanticscholar nasa esa noaa cern mayoclinic webmd cochrane
        github gitlab bitbucket stackoverflow stackexchange serverfault superuser mozilla python pypi npmjs readthedocs
        kernel debian ubuntu apache gnu ietf developer docs imdb rottentomatoes metacritic goodreads gutenberg
        openlibrary worldcat discogs allmusic genius boardgamegeek myanimelist openstreetmap
        nytimes washingtonpost wsj usatoday latimes chicagotribune bostonglobe sfgate npr pbs cnn foxnews nbcnews
        nypost nydailynews newsday denverpost seattletimes dallasnews chron miamiherald startribune azcentral oregonlive
        mercurynews baltimoresun inquirer tampabay detroitnews freep cleveland csmonitor nationalreview reason thenation
        newrepublic thedailybeast dailycaller theonion babylonbee mediaite rawstory mediamatters
        msnbc cbsnews abcnews cnbc bloomberg reuters apnews afp upi axios politico thehill vox slate salon theatlantic
        newyorker economist forbes fortune businessinsider huffingtonpost huffpost buzzfeednews propublica newsweek
        motherjones theintercept vice wired arstechnica theverge techcrunch engadget scientificamerican smithsonianmag
        nationalgeographic bbc itv guardian theguardian telegraph independent dailymail mirror thesun
        thetimes ft scotsman metro standard sky euronews rte irishtimes cbc globalnews ctvnews globeandmail
        theglobeandmail nationalpost thestar abc smh theage theaustralian news nzherald stuff aljazeera dw spiegel zeit
        faz welt tagesschau lemonde lefigaro liberation elpais elmundo corriere repubblica nrc haaretz timesofisrael
        hindustantimes timesofindia thehindu indianexpress scmp japantimes straitstimes espn
        """.split()  # noqa: SIM905
    ),
    # Films, pictures and talk elsewhere that are shown for what they show, as often as for who made them.
    "media": tuple(
        """
        youtube youtu vimeo dailymotion rumble bitchute liveleak imgur giphy tenor gfycat streamable flickr photobucket
        postimg imgbb ibb tinypic imageshack wikihow knowyourmeme fandom wikia tvtropes xkcd reddit redd quora
        ycombinator slashdot metafilter lemmy disqus archiveofourown google goo maps waze
        """.split()  # noqa: SIM905
    ),
    # Pages and works of one's own, and appeals for them.
    "profiles": tuple(
        """
        facebook fb instagram twitter tiktok snapchat linkedin pinterest tumblr vk whatsapp telegram discord twitch kik
        myspace threads bsky mastodon onlyfans patreon kofi buymeacoffee substack medium blogspot blogger wordpress
        livejournal wix wixsite weebly squarespace webs angelfire tripod linktr linktree soundcloud reverbnation
        bandcamp spotify mixcloud audiomack datpiff deviantart artstation behance wattpad fanfiction
        kickstarter indiegogo gofundme justgiving crowdfunder fundly change petition petitions avaaz paypal cashapp
        venmo strava meetup eventbrite
        """.split()  # noqa: SIM905
    ),
    # Where something is sold, or downloaded.
    "shops": tuple(
        """
        amazon amzn ebay etsy aliexpress alibaba wish temu shein walmart target bestbuy ikea shopify myshopify gumroad
        zazzle teespring redbubble cafepress spreadshirt fiverr upwork udemy coursera skillshare clickbank groupon
        itunes apps play steampowered barnesandnoble lulu smashwords audible booking airbnb expedia
        """.split()  # noqa: SIM905
    ),
}
# Names of what an address hands on when somebody is to be rewarded for the visit: "?ref=me".
REFERRALS: Final = tuple(
    """
    ref refer referer referrer referral refid aff affid affil affiliate affiliateid partner partnerid invite inviter
    invited invitecode promo promocode coupon couponcode discount campid tag pub sponsor
    """.split()  # noqa: SIM905
)

# What links are counted by: the order of the columns of `Tokens.links` behind the number of all.
KINDS: Final = (*SITES, "referrals")
# The first of these columns that counts what leads to one's own; the rest do, too.
OWN: Final = 1 + KINDS.index("profiles")
