"""News lines by topic, written for this purpose, and lines about none of the topics."""

PHRASES = {
    "world": "talking about politics, wars, governments and countries",
    "sport": "talking about sport, teams, matches and players",
    "business": "talking about companies, markets, money and the economy",
    "science and technology": "talking about computers, science, software and space",
}
"""Topics as a profile writes them."""

WORLD = """
Ministers meet in Geneva to rescue the peace talks
Thousands flee as fighting reaches the outskirts of the capital
President names a new cabinet after months of deadlock
Border crossing reopens following a week of protests
Rebels release nine hostages in exchange for food convoys
Voters go to the polls in a referendum on the constitution
Death toll climbs after the earthquake in the eastern province
Opposition leader arrested on his return from exile
Parliament rejects the treaty by three votes
Flood survivors wait on rooftops for helicopters
Two soldiers killed by a roadside bomb near the northern base
Court orders the former dictator to stand trial
Envoys leave empty-handed after nuclear talks stall
Police fire tear gas at crowds outside the embassy
Aid agencies warn of famine in the south
Ceasefire holds for a second day along the coast
Prime minister survives a vote of no confidence
Kidnapped journalist freed after forty days
UN inspectors return to the disputed site
Militants claim the attack on the police academy
Island nation elects its first woman president
Mayor resigns over the handling of the refugee camp
Typhoon forces a million people from their homes
Troops begin to withdraw from the hill villages
King pardons hundreds of political prisoners
Foreign secretary defends the decision to expel diplomats
A new wall divides the two halves of the city
Gunmen storm a ministry and hold staff for hours
Coalition falls apart over the pensions law
Migrant boat sinks off the cape, dozens missing
Talks on the contested peninsula move to Vienna
General strike empties the streets against military rule
Ferry disaster prompts national mourning
Observers call the election neither free nor fair
Tribal elders broker a truce in the valley
Health workers race to contain the outbreak in the camps
Bishop appeals for calm after the riots
Army retakes a bridge from insurgents
Leaders of nine nations sign a pact on water from the river
Suspected separatists blow up a railway line
The junta promises a return to civilian rule
Landslide buries a village in the highlands
Exiles mark ten years since the massacre
Congress opens an inquiry into secret prisons
Women march for the right to vote in the kingdom
Spy scandal strains ties between the neighbours
Governor declares an emergency as wildfires spread
Peacekeepers accused of looking away
Pope visits the war-torn region and prays for victims
Senate confirms the ambassador despite doubts
"""

SPORT = """
Late penalty sends the hosts into the final
Sprinter breaks the national record in the rain
Goalkeeper signs a four-year deal with the champions
Veteran pitcher strikes out twelve in shutout
Coach sacked after the fifth defeat in a row
Top seed out in the second round after a five-set thriller
Rookie scores 38 points as the visitors win in overtime
Cyclist tests positive before the mountain stage
Captain ruled out for six weeks with a torn hamstring
Underdogs hold the league leaders to a goalless draw
She wins gold on the balance beam by a tenth
Striker's hat-trick lifts his side off the bottom
Golfer birdies the last three holes to take the lead
The relay team drops the baton and is disqualified
Heavyweight champion retains his belt on points
Quarterback throws four touchdowns in the snow
Fast bowler takes seven wickets on a green pitch
Marathon favourite collapses a mile from home
Winger banned for three games for a headbutt
Bruised defence holds on for a one-run win
Fans invade the field after promotion is sealed
Swimmer eyes a sixth medal in the butterfly
Goal in stoppage time breaks home hearts
Driver takes pole by two thousandths in qualifying
The club's transfer window ends without a forward
Sisters meet again in the semi-final on grass
Skier withdraws from the downhill with a knee injury
Home crowd boos as the playoff hopes fade
Manager praises young midfielder after debut
Referee admits he missed the handball
Rowers train at dawn for the world championship
Team doctor denies doping charges
Hurdler returns from injury to win in Oslo
Shortstop traded for two prospects
Jockey rides four winners in one afternoon
The defending champions crash out in the group stage
Overtime loss ends the longest winning streak in the conference
Boxer retires undefeated at thirty-one
Snooker star makes a maximum break in the quarter-final
Olympic torch arrives in the stadium
Rugby side names an uncapped prop for the tour
Tennis ace serves her way past the qualifier
Catcher's home run ends a long drought
Skipper declares with a lead of four hundred
Puck drops on a new season with a new captain
Figure skater lands a quadruple jump
League fines the owner for criticising officials
Free agent centre agrees to a one-year contract
Crew wins the harbour regatta by a length
Chess prodigy forces a draw with the grandmaster
"""

BUSINESS = """
Airline cuts two thousand jobs as fuel costs bite
Central bank raises rates by a quarter point
Retailer's shares slump after a profit warning
Oil climbs above fifty dollars on supply fears
Carmaker recalls its sales forecast for the year
Bank agrees to buy its smaller rival for four billion
Unemployment falls to the lowest level since spring
Regulator fines the broker for misleading investors
Quarterly earnings beat estimates on strong exports
Factory orders drop for a third month
Dollar slides against the euro before the jobs report
Brewer launches hostile takeover bid
Chief executive quits after the accounts are restated
Housing starts rise as mortgage costs ease
Wall Street ends flat in thin trading
Insurer expects heavy claims from the hurricane
Drug maker withdraws its best-selling painkiller
Consumer confidence slips ahead of the holidays
Steel group to close its oldest mill
Union accepts a pay freeze to save the plant
Supermarket chain opens forty stores in the suburbs
Treasury bonds rally on weak growth figures
Investors pour cash into gold funds
Trade deficit widens to a record
Hedge fund manager charged with insider trading
Toy company files for bankruptcy protection
Coffee growers demand a better price
Inflation eases, giving the bank room to cut
Founders float their restaurant group on the stock exchange
Telecoms merger wins approval from shareholders
Pension fund sues former directors
Luxury brand sees demand return in Asia
Farmers face ruin as the price of milk collapses
Court lets the tobacco settlement stand
Shipping firm orders ten new tankers
Budget airline posts its first annual profit
Credit card lender tightens its terms
Private equity firm sells its stake in the hotel chain
Electricity prices to go up in the new year
Small firms struggle to borrow, survey finds
Tax cut lifts spending in the shops
Auditor resigns from the troubled mining company
Wheat futures jump after a poor harvest
Media giant to spin off its publishing arm
Executives deny fixing prices of vitamins
Venture capital flows back to start-ups
Retail sales disappoint in a cold December
Exporters complain about the strong currency
Advertising revenue falls at the newspaper group
The dividend is raised for the tenth year running
"""

SCIENCE = """
Probe sends back the first pictures from the moon of Saturn
Browser update closes a hole that let attackers in
Fossil shows that early birds had four wings
Chip maker unveils a processor with two cores
Telescope spots a planet twice the size of Earth
Search engine adds maps and satellite images
Scientists clone a champion bull
New virus spreads by instant messages
Researchers grow a working liver in a dish
Phone doubles as a music player and camera
Robot rover finds traces of water in Martian rock
Open-source project releases a faster database
Gene may explain why some people never gain weight
Students build a car that runs on sunlight
Free encyclopedia passes a million articles
Glaciers are melting faster than models predicted
Spammers turn to hijacked home computers
Astronauts repair the station's oxygen generator
Games console sells out in hours
Physicists cool atoms to a record low
Software firm patches eleven flaws
Bees can recognise human faces, study says
Broadband speeds to double next year
Supercomputer simulates the birth of galaxies
Deep-sea expedition finds a glowing shrimp
Laptop batteries recalled because they may catch fire
Ancient skull rewrites the human family tree
Web giant offers a gigabyte of free e-mail
Engineers test a plane without a pilot
Vaccine against malaria shows promise in trial
Comet dust returns to Earth in a capsule
Hackers steal passwords from a gaming site
Laser links carry data between satellites
Music download service adds video
Whales change their songs in noisy seas
Nanotubes make a stronger and lighter cable
A programming language turns twenty
Private rocket reaches the edge of space
Handwriting recognition comes to tablets
Stem cells restore sight in mice
Wireless network covers the whole city
Volcano gives its secrets to new sensors
Mammoth DNA sequenced from a tooth
Operating system delayed until autumn
Solar storm could disturb radio signals
Encryption standard broken in the laboratory
Ozone hole shrinks for the second year
Flat screens get cheaper and thinner
Dark matter detector sees nothing, again
Digital camera sales overtake film
"""

OTHER = """
Chop the onions finely and fry them in butter until golden.
Hi there, how are you doing today?
My daughter refuses to go to bed before ten.
The recipe needs two eggs, flour and a pinch of salt.
I feel so lonely since my boyfriend moved out.
Could you book me a table for two at seven?
Water the roses in the evening and cut the dead flowers.
Once upon a time a fox lived at the edge of the forest.
I'm allergic to cats but my sister wants one.
Her wedding dress was ivory with long sleeves.
Good morning! Did you sleep well?
Add the basil last, so that it keeps its colour.
What should I wear to the party on Saturday?
My back hurts when I get up in the morning.
The poem rhymes in the first and third line.
Knit two, purl two, and turn the work.
Grandma told us stories by the fire.
I love walking on the beach at sunset.
Can you recommend a good novel for a rainy weekend?
He forgot our anniversary again.
Soak the beans overnight before cooking.
The guitar is out of tune.
My puppy chews on every shoe he finds.
Thanks a lot, have a nice evening!
She painted the kitchen in pale yellow.
I dreamt that I could fly over our old school.
How do I get red wine out of a carpet?
The baby smiled for the first time yesterday.
Put the cake in the oven for forty minutes.
We watched an old film and ate popcorn.
I can't stop crying since the funeral.
That joke was terrible, but I laughed anyway.
Turn left at the church and then straight on.
My hair looks awful after that haircut.
The choir sings a carol in Latin.
Is it rude to leave before dessert?
Lavender keeps moths out of the wardrobe.
He is shy and blushes when she speaks to him.
Apologies, I don't understand what you mean.
Rinse the rice until the water runs clear.
Which shade of blue goes with my sofa?
I miss the smell of my mother's kitchen.
The exam is on Monday and I have not studied.
A tight hug helps when words do not.
Sew the button on with a double thread.
The flat has two bedrooms and a balcony.
I brush my teeth twice a day and still have cavities.
What is the meaning of the word serendipity?
The dentist said it would not hurt.
Tell me a bedtime story about a dragon.
"""

NEWS = {"world": WORLD, "sport": SPORT, "business": BUSINESS, "science and technology": SCIENCE}


def news() -> list[tuple[str, str]]:
    """(text, topic) of the lines that are about a topic: fifty of each."""
    return [(line, topic) for topic, lines in NEWS.items() for line in lines.strip().splitlines()]


def unrelated() -> list[str]:
    """Lines about none of the topics."""
    return OTHER.strip().splitlines()
