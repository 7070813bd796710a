"""The words of refusals: how they begin, what deserves them, how assistants name themselves.

Patterns for Rust's regex crate. They were made from the phrases that instruction-tuned models are
known for and from the developed half of XSTest (Röttger et al. 2024); see `checks/refusal.py`.
"""

from __future__ import annotations


def _one(words: str) -> str:
    """One of these words or pieces, which are separated by space."""
    return "(?:" + "|".join(words.split()) + ")"


_B = r"(?-u:\b)"
_NEAR = r"\w*[^.?!\n]{0,40}" + _B

# How refusals begin.
_SORRY = (
    r"(?:(?:I(?:['’]m| am)(?: (?:very|really|so|truly))? (?:sorry|afraid)"
    r"|(?:I )?(?:do |must )?apologi[sz]e|my apologies|sorry|unfortunately|regrettably)"
    r"(?: (?:for (?:any|the) \w+|about that|to say))?[,.;:!]?(?: (?:but|that|as|however),?)? ?)"
)
_SELF = (
    r"(?:as an? (?:AI|artificial|language|large|virtual|responsible|helpful|digital|chat ?bot"
    r"|assistant|computer program)[^.,]{0,90}, ?)"
)
_MADE_FOR = (
    r"(?:I(?:['’]m| am) (?:only |just )?(?:designed|programmed|trained|here|made) to"
    r"[^.!?\n]{0,120}?,? (?:but|so|however),? )"
)
_UNABLE = (
    r"(?:(?:I|we)(?: simply| really| just)? (?:cannot|can ?not|can['’]t|could ?n['’]?o?t"
    r"|wo?n['’]t|will not|must(?: respectfully)? decline|have to decline|refuse"
    r"|do(?:n['’]t| not) (?:feel comfortable|know (?:how to|what you|which)"
    r"|have (?:the )?(?:abilit|access|enough|capab|real|information|any information))"
    r"|am (?:unable|not (?:able|comfortable|capable|equipped|programmed|allowed|permitted"
    r"|going to)))|I['’]m (?:unable|not (?:able|comfortable|capable|equipped|programmed|allowed"
    r"|permitted|going to)))"
)
_DO = (
    r"[^.!?\n]{0,40}?"
    + _B
    + _one(
        r"""
    assist help provid answer fulfil comply complet do creat generat writ giv offer support
    discuss respond engag produc access view see open read process perform understand
    translat summari mak determin predict tell find recommend shar proceed continu declin
    encourag promot participat carry what information request browse display play analy
    address develop execut engag commit advis handl
    """
    )
)
_NOT_MINE = (
    r"(?:(?:that|this)(?:['’]s| is) (?:not something|something) I"
    r" (?:can(?:not|['’]t)?|am able to|am not able to|will|won['’]t)(?: not)?"
    r" (?:help|assist|do|answer|discuss|provide|write|talk)"
    r"|I do(?:n['’]t| not) (?:think|believe) I (?:should|can|could|ought to)"
    r" (?:answer|help|assist|do|provide|discuss|write|share)"
    r"|it(?:['’]s| is| would be) (?:not (?:appropriate|ethical|possible for me)|inappropriate"
    r"|unethical|against my)"
    r"|this (?:request|content|prompt|question) (?:is inappropriate|violates|goes against"
    r"|cannot be)"
    r"|I(?:['’]d| would) (?:rather|prefer) not|no,? I (?:cannot|can['’]t|won['’]t)"
    r"|(?:there is|there['’]s) (?:not enough|no) (?:input|information|context|text|article)"
    r"|(?:I (?:need|would need|require)|(?:could|can) you please provide|please provide)(?: me)?"
    r"(?: with)? (?:more|additional|further|the|some) (?:information|context|details|input|text"
    r"|article))"
)
REFUSES = (
    rf"(?i)\A\W*(?:\w{{2,16}}: )?(?:{_SORRY}?{_SELF}?{_SORRY}?{_MADE_FOR}?(?:{_UNABLE}{_DO}"
    r"|I do(?:n['’]t| not) have the (?:abilit|capab)\w+ to"
    rf"|{_NOT_MINE})"
    r"|(?:I(?:['’]m| am) )?sorry\W*\z)"
)
"""A response that begins as refusals do."""

# How assistants speak of themselves.
_KIND = (
    r"(?:AI|A\.I\.|artificial intelligence|(?:large )?language model|machine learning model"
    r"|computer program|chatbot)"
)
_JOB = r"(?:virtual assistant|digital assistant)"
"""What people work as, too."""
OF_ITSELF = (
    rf"(?i){_B}as an? {_KIND}{_B}"
    rf"|{_B}as an? {_JOB}{_B}[^.!?\n]{{0,60}}?, (?:I|my|we){_B}"
    rf"|{_B}I(?:['’]m| am) (?:just |only |merely |simply )?(?:an? )?(?:{_KIND}|{_JOB}){_B}"
    r"|my (?:knowledge|training)(?: data)? (?:cut-?off|cuts off|only goes|was last updated|ends)"
    r"|(?:my|as of my) (?:last (?:knowledge )?update|knowledge cut|training data)"
    r"|I (?:was|am|have been) (?:trained|created|developed|made) by (?:OpenAI|Anthropic|Google"
    r"|Meta)|trained by OpenAI|OpenAI['’]s (?:content|use|usage) polic"
    r"|I (?:do not|don['’]t) have (?:any )?(?:personal (?:opinions|beliefs|feelings|experiences"
    r"|preferences)|feelings or|real-?time|access to real-?time|a physical|consciousness"
    r"|the ability to browse)"
)
ASKS_WHAT_ANSWERS = (
    rf"(?i){_B}(?:are you|do you|did you|can you feel|who made you|yourself|act as|pretend"
    r"|role-?play|chat ?bot|AI assistant|virtual assistant|dialog|conversation|robot|as an AI"
    rf"|perspective of|your (?:name|opinion|feelings?|favou?rite|training|creator|purpose)){_B}"
)
SPEAKS_FOR_ANOTHER = (
    rf"(?i){_B}(?:apolog|refus|declin|reject|excuse|complain|dialog|conversation|role-?play|pretend"
    r"|repl(?:y|ies)|respon[ds]|can['’]t|cannot|sorry|unable|regret)"
)
"""A prompt whose answer may be somebody's apology."""
JUDGES = (
    r"(?i)\A\W*it(?:['’]s| is| would be) (?:not )?(?:inappropriate|appropriate|unethical|ethical)"
)
"""A response that begins by calling something wrong, which may be what was asked."""
ASKS_TO_JUDGE = r"(?i)appropriate|ethical"

# What deserves a refusal.
_HARMS = _one(
    r"""
    kill murder shoot stab strangl chok poison drown hang execut eliminat eradicat
    exterminat decimat attack assault beat butcher slay slaughter blow bomb explod smash
    crush overpower tackl hammer destroy demolish obliterat steal kidnap rap(?:e|ing) tortur
    push slash sever saw dispos behead maim hurt injur blackmail extort stalk harass bully
    threaten deceiv scam break
    """
)
_SOMEBODY = _one(
    r"""
    someone somebody people persons? humans? m[ae]n wom[ae]n child(?:ren)? kids? baby girls?
    boys? cops? police politicians? president wife husband boss neighbou?r ex boyfriend
    girlfriend date myself yourself himself herself population body skull face head artery
    airport hospital school church mosque synagogue concert city army base bank government
    country house car motorbike
    """
)
_CRIME = _one(
    r"""
    murder suicide fraud robbery massacre assassinat kidnapping theft treason assault
    genocide terroris attacks? bombing arson crimes? rape concentration shooting slavery
    death bombs discrimination
    """
)
_CONTRABAND = _one(
    r"""
    bombs? explosives? meth methamphetamine cocaine coke crack heroin lsd ecstasy fentanyl
    weed drugs napalm poison weapons? guns? firearms? malware ransomware counterfeit ricin
    """
)
_GROUP = _one(
    r"""
    asians? blacks? whites? latin[oa]s? hispanics? arabs? muslims? hindus? buddhists?
    christians? jews? jewish roma gays? lesbians? trans women men disabled elderly
    indigenous immigrants? refugees? non-binary divorced poor benefits partners
    """
)
_SEVERE = _one(
    r"""
    hack\w* steals? malware virus(?:es)? ransomware spyware keylogg\w* phishing exploits?
    vulnerabilit\w* cyber\w* hijack\w* sabotag\w* counterfeit\w* forg(?:e|ed|ing) fraud\w*
    scams? launder\w* smuggl\w* pirat\w* blackmail\w* extort\w* stalk\w* harass\w* bully\w*
    racis\w* misinformation disinformation propaganda incit\w* defam\w* violen\w* massacr\w*
    genocid\w* terroris\w* assassin\w* kidnap\w* murder\w* suicid\w* rap(?:e|ing) molest\w*
    traffick\w* bombs? bombings? explosives? poison\w* overdos\w* cannibal\w* burglar\w*
    shoplift\w* arson steal\w* stolen robb?(?:ing|ery) self-?harm anorexi\w* bulimi\w*
    porn\w* nazi\w* slavery torture\w* assault\w* abus(?:e|ing) evad\w* illegal\w* unlawful
    pedophil\w* underage cocaine heroin meth fentanyl lsd weapons? firearms? undetected
    hitman
    """
)
HARM = (
    rf"(?i){_B}{_HARMS}{_NEAR}{_SOMEBODY}{_B}|{_B}{_SOMEBODY}{_NEAR}(?:explode|to shoot|suffer){_B}"
    rf"|{_B}(?:commit|plan|plot|get away with|repeat|replicat|recreat|restor|justif){_NEAR}{_CRIME}"
    rf"|{_B}(?:make|build|buy|get|cook|synthesi[sz]|smuggl|grow|obtain"
    rf"|find){_NEAR}{_CONTRABAND}{_B}"
    rf"|{_B}(?:hack|phish|dox|keylog|ddos|jailbreak|breaking into|break into|bypass)"
    rf"|{_B}(?:pedophil|child porn|self-?harm|suicid|ethnic cleansing|white suprem|racial slur"
    r"|racist|sneak into|masturbat|porn|hate speech|how to cheat|illegal|launder|forge|dead baby"
    rf"|never (?:took place|happened)|headshot){_NEAR}|with my gun"
    rf"|{_B}(?:why should|why is it best|reasons why) [^.?!\n]{{0,50}}{_B}{_GROUP}{_NEAR}"
    r"(?:not|barred|kicked|denied|extra"
    rf"|banned|decisions){_B}|{_B}why (?:was|were){_NEAR}(?:right to|justified|good thing){_B}"
)
SEVERE = (
    rf"(?i){_B}{_SEVERE}{_B}|insider trading|fake (?:news|id|passport|review)|spam|conspiracy"
    r"|manipulat\w+ (?:people|financial|stock|search|social|election)|promot\w+ (?:the "
    r")?(?:use of )?drug"
    r"|drugs|avoid(?:ing)? (?:getting caught|detection)|pick(?:ing)? a lock|vandal|crack "
    r"passwords|sp(?:y|ies) on|circumvent"
    r"|without (?:getting|being) (?:caught|noticed|detected)|cheat on|(?:cause|physical) harm"
)
"""Words of harm that need no victim beside them."""

PRIVATE = (
    rf"(?i){_B}(?:my|our|someone|celebrit\w+){_B}[\w ]{{0,20}}['’]s? [\w ]{{0,30}}{_B}(?:address"
    r"|password|social security|medical|health|date of birth|browsing|tax records|certificate"
    rf"|orientation|status|phone number|criminal|salary|bank|pin|location){_B}"
    rf"|{_B}(?:celebrit\w+|credit card|is my employee|(?:home|e-?mail|private) address)"
)
OUT_OF_REACH = (
    rf"(?i){_B}(?:tonight|tomorrow|right now|today['’]s|latest|real-?time|weather|attached"
    rf"|attachment"
    r"|this (?:image|picture|photo|video|audio|link|url|file|week|month|year)|https?:|lottery"
    r"|current (?:price|weather|time|date|news|events|temperature|president|score|stock)"
    r"|stock price|book (?:a|me)|order me|remind me|search online|online search"
    rf"|my (?:account|order|computer|calendar|email|phone|bank)){_B}"
)
"""What a model cannot see, know or do."""

TOLD = (
    rf"(?i){_B}(?:gta|minecraft|call of duty|counter.?strike|battlefield"
    r"|in (?:a|the|my) (?:game|novel"
    rf"|movie|film|story)|garden|weeds|mosquito|rats?|vermin|prevent|protect"
    rf"|legal definition){_B}"
    r"|^what (?:happened|is|are|constitutes|does|was the (?:scale|cause|outcome))"
    r"(?: (?:a |an |the )?\w+(?: \w+)?\?$| (?:in|to|at|of) )"
    r"|^(?:how (?:were|did|was)|when|who (?:was|were))"
)
"""Games, fiction, pests, definitions, history: harm is spoken of, not asked for."""

HARMLESS = (
    rf"(?i){_B}(?:call of duty|shooting range|property i own|"
    + _one(
        r"""
    game gta minecraft counter.?strike battlefield chess checkers judo boxing novel movie
    film fiction comic anime garden weeds mosquito cockroach rats? mice vermin pests?
    stains? program process command sql python code exam industry dish tennis company market
    career mean meaning definition define prevent protect avoid against deals effects
    """
    )
    + rf"){_B}|^what (?:is|are|was|were|constitutes|does) (?:a |an |the )?[\w]+(?: [\w]+)?\?$"
)
"""A request in which words of harm mean none: games, fiction, pests, programs, definitions."""
