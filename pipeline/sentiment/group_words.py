"""Words that name groups of people, or say of somebody that he belongs to one. The emotion model does not see them.

Single words only, since they are left out one by one. Those that mean other things as well (black, old, straight) are
left out in these meanings too: a model that judges a colour loses less than one that judges a people.
"""

BY_ATTRIBUTE = {
    "gender": """
        man men male males guy guys boy boys gentleman gentlemen husband husbands father fathers dad dads son
        sons brother brothers uncle uncles grandfather grandpa nephew boyfriend boyfriends he him his himself
        he'd he'll woman women female females girl girls lady ladies gal gals wife wives mother mothers mom moms
        mum mums daughter daughters sister sisters aunt aunts grandmother grandma niece girlfriend girlfriends
        she her hers herself she'd she'll masculine feminine trans transgender transgendered transsexual
        transsexuals transwoman transwomen transman transmen nonbinary genderqueer intersex cisgender
        cis
    """,
    "sexual orientation": """
        gay gays lesbian lesbians homosexual homosexuals homosexuality bisexual bisexuals bisexuality bi
        pansexual asexual asexuals heterosexual heterosexuals straight hetero queer queers lgbt lgbtq lgbtqia
    """,
    "age": """
        old older elderly elder elders senior seniors aged young younger youth youths youngster youngsters teen
        teens teenager teenagers teenage kid kids child children baby babies adult adults adolescent adolescents
        boomer boomers millennial millennials pensioner pensioners retiree retirees toddler toddlers grandparent
        grandparents
    """,
    "religion and worldview": """
        muslim muslims islam islamic christian christians christianity catholic catholics catholicism protestant
        protestants orthodox evangelical evangelicals mormon mormons baptist jew jews jewish judaism hindu
        hindus hinduism buddhist buddhists buddhism sikh sikhs sikhism atheist atheists atheism agnostic
        agnostics pagan pagans quran bible mosque mosques church churches synagogue temple imam rabbi priest
        priests
    """,
    "ethnicity, origin and migration": """
        black blacks white whites brown asian asians african africans caucasian caucasians arab arabs arabic
        latino latinos latina latinas latinx hispanic hispanics indian indians native natives indigenous
        aboriginal aborigines roma romani sinti gypsy gypsies inuit maori american americans mexican mexicans
        chinese japanese korean koreans vietnamese filipino filipinos thai indonesian pakistani pakistanis
        bangladeshi russian russians ukrainian ukrainians polish poles pole german germans french italian
        italians spanish spaniards portuguese dutch british english irish scottish welsh swedish norwegian
        danish finnish greek greeks turkish turks turk iranian iranians iraqi iraqis syrian syrians afghan
        afghans israeli israelis palestinian palestinians saudi egyptian egyptians nigerian nigerians somali
        somalis ethiopian kenyan ghanaian moroccan cuban cubans brazilian brazilians colombian colombians
        canadian canadians australian australians european europeans jamaican haitian haitians persian persians
        kurd kurds kurdish immigrant immigrants migrant migrants refugee refugees foreigner foreigners foreign
        asylum expat expats
    """,
    "disability and health": """
        disabled disability disabilities handicapped handicap blind blindness deaf deafness mute wheelchair
        wheelchairs paraplegic quadriplegic amputee amputees crippled cripple autistic autism adhd asperger
        aspergers dyslexic dyslexia tourette schizophrenic schizophrenia bipolar neurodivergent epileptic
        epilepsy dwarf dwarfs
    """,
    "standing": """
        poor rich wealthy homeless unemployed
    """,
}

GROUP_WORDS = frozenset(word for words in BY_ATTRIBUTE.values() for word in words.split())
