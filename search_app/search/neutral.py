"""Neutral queries: what people ask anywhere. What they have in common says nothing about what one of them asks.

Their mean vector is taken off each query of the channel `meaning`: a sentence model puts all short texts into one
corner, and documents near that corner are near every query (hubs: Radovanović et al., JMLR 2010).
"""

NEUTRAL_QUERIES = tuple(
    """a dog
a house by the lake
people talking
music
how to cook rice
a red bicycle
the best way to save money
a woman smiling
winter
city at night
happiness
an old book
fresh fruit
children playing football
a blue shirt
travel to the sea
two cats
health and fitness
a computer on a desk
business meeting
a funny picture
danger
a garden with flowers
new technology
breakfast
family dinner
a tall tree
medicine
love and friendship
a fast train
drinks
a man with a hat
shoes
school
mountains
a piece of cake
protect nature
something to give my mother
kitchen
a painting""".splitlines()
)
