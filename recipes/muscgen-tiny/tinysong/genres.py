"""What people call a style, how it feels, and what it is for; what is not always true has a condition.

A word after @ is what must be true of the piece: one of its traits, an instrument of it, its style, or solo,
slow, fast, major, minor, orchestra (strings or brass), picked (broken chords on a guitar).
"""

from __future__ import annotations


def _table(rows: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(row.split(";")) for name, row in rows.items()}


NAMES = _table({
    "piano ballad": "piano ballad;piano ballad;ballad;piano;slow ballad@slow;romantic piano;love song;"
        "solo piano@solo",
    "classical piano": "classical piano;classical piano;classical;piano sonata;piano etude;"
        "classical music;solo piano@solo",
    "jazz": "jazz;jazz;swing;swing jazz;cool jazz;smooth jazz;bebop@fast;jazz combo;jazz music",
    "bossa nova": "bossa nova;bossa nova;bossa;brazilian jazz;latin jazz;lounge",
    "blues": "blues;blues;blues shuffle;slow blues@slow;rhythm and blues;blues song",
    "rock": "rock;rock;hard rock;rock band;classic rock;alternative rock;indie rock;garage rock",
    "punk": "punk;punk rock;punk rock;pop punk;hardcore punk;fast rock",
    "metal": "metal;heavy metal;heavy metal;thrash metal@fast;hard rock",
    "pop": "pop;pop;pop song;pop music;indie pop;dance pop@electronic;radio pop",
    "folk": "folk;folk;acoustic folk;indie folk;acoustic;singer-songwriter;fingerpicking folk@picked",
    "country": "country;country;country music;bluegrass@fast;americana;western;honky tonk@piano",
    "lofi": "lofi;lofi hip hop;lo-fi hip hop;lo-fi;chillhop;lofi beat;lofi hip hop beat;study beat;"
        "chill beat",
    "hip hop": "hip hop;hip hop;hip-hop;boom bap;hip hop beat;rap beat;old school hip hop",
    "trap": "trap;trap;trap beat;trap music;rap beat;hip-hop beat",
    "house": "house;house;deep house;house music;edm;dance music;electronic dance music;club music",
    "techno": "techno;techno;minimal techno;techno music;electronic;industrial techno;rave",
    "trance": "trance;trance;uplifting trance;edm;electronic dance music;progressive trance;dance music",
    "drum and bass": "drum and bass;drum and bass;dnb;drum n bass;drum'n'bass;drum & bass;"
        "liquid drum and bass;jungle",
    "chiptune": "chiptune;chiptune;8-bit;8-bit video game music;video game music;8 bit;retro game music;"
        "arcade music",
    "synthwave": "synthwave;synthwave;80s synth pop;retrowave;80s;outrun;80s music;synth pop;new wave",
    "ambient": "ambient;ambient;ambient music;meditation music;new age;atmospheric;spa music;sleep music;"
        "space music",
    "cinematic": "cinematic;cinematic;film score;soundtrack;movie soundtrack;film music;orchestral@orchestra",
    "epic": "epic;epic trailer;epic orchestral@orchestra;trailer music;epic cinematic;battle music;"
        "action soundtrack",
    "church": "church music;church;sacred music;hymn;religious music;church organ@organ;"
        "gospel choir@choir;choir music@choir",
    "lullaby": "lullaby;lullaby;baby lullaby;nursery rhyme;sleep music;music box lullaby@music box",
    "celtic": "celtic;celtic;celtic folk;medieval;irish folk;fantasy music;celtic fantasy;celtic harp@harp",
    "tropical": "tropical;tropical;island music;caribbean;calypso;beach music",
    "reggae": "reggae;reggae;roots reggae;reggae groove;dub@sub bass;reggae music",
    "ska": "ska;ska;ska punk;2 tone ska;fast ska",
    "funk": "funk;funk;funk groove;soul;r&b;funk jam;70s funk",
    "disco": "disco;disco;70s disco;nu disco;dance music;disco funk",
    "waltz": "waltz;waltz;viennese waltz@fast;3/4 waltz;waltz in 3/4;ballroom waltz;slow waltz@slow",
    "latin": "latin;latin;salsa;salsa;latin dance;cuban son;mambo;latin music",
    "string ensemble": "string ensemble;chamber music;classical strings@strings;classical;"
        "string quartet@strings;baroque strings@strings;classical music",
    "march": "march;march;brass fanfare@brass;marching band;fanfare;military march;parade music",
})  # fmt: skip
FEELINGS = _table({  # by style
    "piano ballad": "emotional;tender;intimate;romantic;heartfelt",
    "classical piano": "elegant;graceful;refined",
    "jazz": "smooth;swinging;cool;late-night;classy;relaxed@slow",
    "bossa nova": "smooth;relaxed;breezy;romantic;laid-back;gentle",
    "blues": "soulful;gritty;laid-back;bluesy;smoky", "rock": "energetic;powerful;driving;loud;heavy",
    "punk": "rebellious;aggressive;raw;energetic;loud;fast-paced",
    "metal": "heavy;dark;aggressive;brutal;angry;intense",
    "pop": "catchy;modern;feel-good@major;fun@major;bright@major",
    "folk": "acoustic;rustic;intimate;earthy;warm",
    "country": "rustic;easygoing;down-home;sunny@major",
    "lofi": "chill;relaxing;mellow;cozy;sleepy;dreamy;nostalgic;laid-back",
    "hip hop": "chill;cool;urban;laid-back;groovy", "trap": "dark@minor;hard;gritty;menacing@minor;cold",
    "house": "groovy;uplifting;club;danceable;deep", "techno": "hypnotic;dark;driving;underground;mechanical",
    "trance": "uplifting;euphoric;hypnotic;dreamy;energetic",
    "drum and bass": "energetic;fast;futuristic;liquid;intense",
    "chiptune": "retro;playful;nostalgic;fun;pixelated", "synthwave": "retro;nostalgic;neon;nocturnal;dreamy",
    "ambient": "ethereal;dreamy;spacious;meditative;floating;serene;calm;peaceful",
    "cinematic": "emotional;sweeping;dramatic;majestic;touching",
    "epic": "epic;heroic;powerful;dramatic;majestic;intense",
    "church": "solemn;sacred;reverent;majestic;holy",
    "lullaby": "sleepy;gentle;innocent;delicate;dreamy;soft;sweet@major",
    "celtic": "magical;enchanted;mystical;dreamy;ancient",
    "tropical": "sunny@major;fun;breezy;playful;happy@major",
    "reggae": "laid-back;sunny@major;chill;relaxed", "ska": "bouncy;fun;upbeat;energetic",
    "funk": "groovy;funky;tight;cool;energetic;upbeat",
    "disco": "groovy;danceable;glamorous;funky;upbeat", "waltz": "elegant;graceful;romantic;charming",
    "latin": "fiery;spicy;danceable;passionate;festive",
    "string ensemble": "elegant;expressive;classical;emotional;refined",
    "march": "triumphant@major;proud;heroic;majestic;festive@major;bold",
})  # fmt: skip
MOODS = {  # by whether it is minor, and how quick: 0 slow, 1 neither, 2 fast
    (False, 0): "calm peaceful gentle relaxing tender soft warm soothing hopeful romantic sweet",
    (False, 1): "hopeful warm bright pleasant feel-good sweet positive happy cheerful easygoing light",
    (False, 2): "happy upbeat cheerful joyful energetic uplifting bright fun lively playful",
    (True, 0): "sad melancholic somber gloomy lonely emotional mournful melancholy moody calm haunting",
    (
        True,
        1,
    ): "moody mysterious nostalgic wistful bittersweet melancholic serious emotional dark sad haunting",
    (True, 2): "intense dramatic energetic dark tense driving restless urgent serious",
}
CALM = frozenset({  # a quick tempo does not make them lively
    "piano ballad", "jazz", "bossa nova", "folk", "lofi", "ambient", "cinematic", "church", "lullaby",
    "celtic", "reggae",
    "string ensemble",
})  # fmt: skip
HARD = frozenset({"rock", "punk", "metal", "house", "techno", "trance", "drum and bass", "chiptune", "epic",
"funk",
                  "disco", "latin", "march"})  # fmt: skip
FESTIVE = frozenset({"latin", "march", "ska", "disco", "funk", "reggae", "tropical", "house", "trance"})
NOT_FESTIVE = frozenset({"sad", "gloomy", "mournful", "lonely", "tense"})
USES = _table({
    "piano ballad": "a wedding;a love scene;a rainy day;a sad scene@minor",
    "classical piano": "a recital;studying;a ballet class;dinner",
    "jazz": "a jazz club;a cocktail bar;dinner;a late night",
    "bossa nova": "a coffee shop;the beach;a restaurant;an elevator",
    "blues": "a smoky bar;a road trip;a late night", "rock": "a road trip;a workout;a concert;driving",
    "punk": "skateboarding;a mosh pit;a workout",
    "metal": "a boss fight;a workout;a mosh pit", "pop": "the radio;a commercial;a summer day;a party",
    "folk": "a campfire;a road trip;a quiet morning",
    "country": "a road trip;a barn dance;a ranch",
    "lofi": "studying;relaxing;sleeping;a rainy day;a coffee shop",
    "hip hop": "a freestyle;rapping;a city night", "trap": "rapping;a freestyle;a workout",
    "house": "a club;a party;dancing;a pool party",
    "techno": "a rave;a warehouse party;a club;coding", "trance": "a rave;a festival;dancing",
    "drum and bass": "a racing game;a rave;a workout",
    "chiptune": "a video game;a platformer;a retro game;an arcade",
    "synthwave": "a night drive;an 80s movie;a neon city",
    "ambient": "meditation;sleep;yoga;relaxing;outer space",
    "cinematic": "a movie;a documentary;an emotional scene;a film",
    "epic": "a movie trailer;a battle scene;a boss fight;a hero",
    "church": "a church;a cathedral;a wedding@major;a funeral@minor",
    "lullaby": "a baby;sleeping;a child;bedtime",
    "celtic": "a fantasy game;a fairy tale;an enchanted forest;a tavern",
    "tropical": "a beach party;summer;vacation;an island", "reggae": "the beach;a sunny day;relaxing",
    "ska": "a party;dancing;skateboarding",
    "funk": "a party;dancing;a cop show", "disco": "a dance floor;a party;roller skating",
    "waltz": "a ballroom;dancing;a royal ball;a carousel",
    "latin": "dancing;a party;a fiesta", "string ensemble": "a wedding;a ceremony;dinner",
    "march": "a parade;a king;a ceremony;a circus",
})  # fmt: skip
